"""Keeping what was shown, and how it ended."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, delete, func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.types import UtcDateTime
from helpdesk_api.database.writes import statements_of
from helpdesk_api.database.written_statements import WrittenStatements
from helpdesk_api.domains.knowledge.queries import check_served
from helpdesk_api.domains.suggestions.enums import SuggestionOutcome
from helpdesk_api.domains.suggestions.errors import DeflectedWithTicket, SuggestionNotFound
from helpdesk_api.domains.suggestions.models import Suggestion
from helpdesk_api.domains.suggestions.queries import Suggested
from helpdesk_api.domains.suggestions.schemas import SuggestionOutcomeCreate
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.domains.tickets.policy import IDS
from helpdesk_api.web.errors import UnknownReference

FORGET: Final = "suggestions.forget"
KEPT_FOR: Final = timedelta(days=400)


# Counted at each pause of somebody's typing, and worth no wait for the disk: after a crash of PostgreSQL's host the
# counts of its last moment are missing, and nothing else.
_UNSYNCED: Final[Any] = func.set_config(
    literal_column("'synchronous_commit'"), literal_column("'off'"), literal_column("true")
)
_KEEP_NEW: Final = CompiledStatement(
    insert(Suggestion).returning(_UNSYNCED),
    columns=("id", "user_id", "article_ids", "ticket_count", "asked_count", "created_at", "asked_at"),
)
_ALL_SHOWN: Final[Any] = text(
    "(suggestions.article_ids || ARRAY(SELECT shown FROM unnest(:article_ids) AS shown"
    " WHERE shown <> ALL (suggestions.article_ids)))[1:50]"
).bindparams(bindparam("article_ids", type_=IDS))
_KEEP_MORE: Final = CompiledStatement(
    update(Suggestion)
    .where(
        Suggestion.id == bindparam("suggestion_id", type_=Uuid),
        Suggestion.user_id == bindparam("own_id", type_=Uuid),
        Suggestion.outcome.is_(None),
    )
    .values(
        article_ids=_ALL_SHOWN,
        ticket_count=func.greatest(Suggestion.ticket_count, bindparam("shown_count", type_=Integer)),
        asked_count=Suggestion.asked_count + literal_column("1"),
        asked_at=bindparam("now", type_=UtcDateTime),
    )
    .returning(_UNSYNCED)
)
_IS_OWN: Final = CompiledStatement(
    select(Suggestion.id).where(
        Suggestion.id == bindparam("suggestion_id", type_=Uuid), Suggestion.user_id == bindparam("own_id", type_=Uuid)
    )
)


async def _lock_own(session: AsyncSession, principal: Principal, suggestion_id: UUID) -> Suggestion | None:
    own = (Suggestion.id == suggestion_id, Suggestion.user_id == principal.user_id)
    found: Suggestion | None = await session.scalar(select(Suggestion).where(*own).with_for_update())
    return found


async def keep_shown(
    statements: WrittenStatements, *, principal: Principal, suggestion_id: UUID | None, found: Suggested
) -> UUID:
    """With an id, as a further question about the same text, unless that has ended. At most one statement
    writes. Raises `unknown_reference`."""
    article_ids, ticket_count = [one["article_id"] for one in found.articles], len(found.tickets)
    now = clock.now()
    if suggestion_id is not None:
        own = {"suggestion_id": suggestion_id, "own_id": principal.user_id}
        more = {"article_ids": article_ids, "shown_count": ticket_count, "now": now}
        if await statements.fetch_one(_KEEP_MORE, own | more) is not None:
            return suggestion_id
        if await statements.fetch_one(_IS_OWN, own) is None:
            raise UnknownReference(pointer="#/suggestion_id")
    new = new_id()
    kept = {
        "id": new,
        "user_id": principal.user_id,
        "article_ids": article_ids,
        "ticket_count": ticket_count,
        "asked_count": 1,
        "created_at": now,
        "asked_at": now,
    }
    await statements.fetch_one(_KEEP_NEW, kept)
    return new


async def end_suggestion(
    session: AsyncSession, principal: Principal, suggestion_id: UUID, body: SuggestionOutcomeCreate
) -> Suggestion:
    """The last outcome counts. Raises `deflected_with_ticket`, `suggestion_not_found` and `unknown_reference`."""
    if body.outcome is SuggestionOutcome.DEFLECTED and body.ticket_id is not None:
        raise DeflectedWithTicket(pointer="#/ticket_id")
    kept = await _lock_own(session, principal, suggestion_id)
    if kept is None:
        raise SuggestionNotFound
    if body.article_id is not None:
        if body.article_id not in kept.article_ids:
            raise UnknownReference(pointer="#/article_id")
        await check_served(session, principal, body.article_id)
    kept.outcome, kept.article_id = body.outcome, body.article_id
    # Which one it was may have been noted already.
    if body.outcome is SuggestionOutcome.DEFLECTED or body.ticket_id is not None:
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
