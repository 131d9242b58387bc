"""Keeping what was shown, and how it ended."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.knowledge.queries import check_served
from helpdesk_api.domains.suggestions.errors import SuggestionNotFound
from helpdesk_api.domains.suggestions.models import Suggestion
from helpdesk_api.domains.suggestions.schemas import SuggestionOutcomeCreate
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.web.errors import UnknownReference

FORGET: Final = "suggestions.forget"
KEPT_FOR: Final = timedelta(days=400)
MAX_ARTICLES: Final = 50


async def _lock_own(session: AsyncSession, principal: Principal, suggestion_id: UUID) -> Suggestion | None:
    own = (Suggestion.id == suggestion_id, Suggestion.user_id == principal.user_id)
    found: Suggestion | None = await session.scalar(select(Suggestion).where(*own).with_for_update())
    return found


async def keep_shown(
    session: AsyncSession,
    principal: Principal,
    suggestion_id: UUID | None,
    *,
    article_ids: Sequence[UUID],
    ticket_count: int,
) -> Suggestion:
    """With an id, as a further question about the same text. Raises `unknown_reference`."""
    now = clock.now()
    kept = None
    if suggestion_id is not None:
        kept = await _lock_own(session, principal, suggestion_id)
        if kept is None:
            raise UnknownReference(pointer="#/suggestion_id")
    if kept is None or kept.outcome is not None:
        kept = Suggestion(
            id=new_id(),
            user_id=principal.user_id,
            article_ids=[],
            ticket_count=0,
            asked_count=0,
            created_at=now,
            asked_at=now,
        )
        session.add(kept)
    kept.article_ids = list(dict.fromkeys([*kept.article_ids, *article_ids]))[:MAX_ARTICLES]
    kept.ticket_count = max(kept.ticket_count, ticket_count)
    kept.asked_count += 1
    kept.asked_at = now
    await session.flush()
    return kept


async def end_suggestion(
    session: AsyncSession, principal: Principal, suggestion_id: UUID, body: SuggestionOutcomeCreate
) -> Suggestion:
    """The last outcome counts. Raises `suggestion_not_found` and `unknown_reference`."""
    kept = await _lock_own(session, principal, suggestion_id)
    if kept is None:
        raise SuggestionNotFound
    if body.article_id is not None:
        if body.article_id not in kept.article_ids:
            raise UnknownReference(pointer="#/article_id")
        await check_served(session, principal, body.article_id)
    kept.outcome, kept.article_id = body.outcome, body.article_id
    kept.ticket_id = await _ticket_of(session, principal, body.ticket_id)
    kept.ended_at = clock.now()
    await session.flush()
    return kept


async def _ticket_of(session: AsyncSession, principal: Principal, key: str | None) -> UUID | None:
    if key is None:
        return None
    try:
        row: Any = await tickets.get_row(await statements_of(session), principal, key)
    except TicketNotFound as error:
        raise UnknownReference(pointer="#/ticket_id") from error
    found: UUID = row["id"]
    return found


async def forget(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: what was shown long ago."""
    del payload
    await session.execute(delete(Suggestion).where(Suggestion.created_at < clock.now() - KEPT_FOR))
