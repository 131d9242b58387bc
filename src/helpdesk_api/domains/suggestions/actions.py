"""Keeping what was shown, and how it ended."""

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Insert,
    Integer,
    Update,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.types import UtcDateTime
from helpdesk_api.database.writes import statements_of
from helpdesk_api.database.written_statements import WrittenStatements
from helpdesk_api.domains.knowledge import policy
from helpdesk_api.domains.knowledge.queries import check_served
from helpdesk_api.domains.suggestions import articles
from helpdesk_api.domains.suggestions.enums import SuggestionOutcome
from helpdesk_api.domains.suggestions.errors import DeflectedWithTicket, SuggestionNotFound
from helpdesk_api.domains.suggestions.models import Suggestion
from helpdesk_api.domains.suggestions.queries import Suggested, with_evidence
from helpdesk_api.domains.suggestions.schemas import SuggestionOutcomeCreate
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.web.errors import UnknownReference

FORGET: Final = "suggestions.forget"
KEPT_FOR: Final = timedelta(days=400)


# Counted at each pause of somebody's typing, and worth no wait for the disk: after a crash of PostgreSQL's host the
# counts of its last moment are missing, and nothing else.
_UNSYNCED: Final[Any] = func.set_config(
    literal_column("'synchronous_commit'"), literal_column("'off'"), literal_column("true")
)
_SHOWN: Final[Any] = text("ARRAY(SELECT id FROM shown)")
_ALL_SHOWN: Final[Any] = text(
    "(suggestions.article_ids || ARRAY(SELECT id FROM shown WHERE id <> ALL (suggestions.article_ids)))[1:50]"
)


@lru_cache(maxsize=16)
def _shown_and_kept(shape: policy.ReaderShape, *, is_new: bool) -> CompiledStatement:
    """The articles, or one row without; no row at all where nothing was kept."""
    shown = articles.select_shown(shape).cte("shown")
    kept = (_new() if is_new else _more()).returning(_UNSYNCED.label("unsynced")).cte("kept")
    # First, since what is kept names it.
    statement = select(shown).add_cte(shown).select_from(kept.outerjoin(shown, true()))
    return CompiledStatement(statement.add_columns(kept.c.unsynced))


def _new() -> Insert:
    now = bindparam("now", type_=UtcDateTime)
    return insert(Suggestion).values(
        id=bindparam("suggestion_id", type_=Uuid),
        user_id=bindparam("own_id", type_=Uuid),
        article_ids=_SHOWN,
        ticket_count=bindparam("ticket_count", type_=Integer),
        asked_count=literal_column("1"),
        created_at=now,
        asked_at=now,
    )


def _more() -> Update:
    own = (
        Suggestion.id == bindparam("suggestion_id", type_=Uuid),
        Suggestion.user_id == bindparam("own_id", type_=Uuid),
    )
    return (
        update(Suggestion)
        .where(*own, Suggestion.outcome.is_(None))
        .values(
            article_ids=_ALL_SHOWN,
            ticket_count=func.greatest(Suggestion.ticket_count, bindparam("ticket_count", type_=Integer)),
            asked_count=Suggestion.asked_count + literal_column("1"),
            asked_at=bindparam("now", type_=UtcDateTime),
        )
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


async def show_and_keep(
    statements: WrittenStatements, *, principal: Principal, suggestion_id: UUID | None, found: Suggested
) -> tuple[UUID, list[dict[str, Any]]]:
    """Its id, and the articles that are shown. With an id, as a further question about the same text, unless that has
    ended. One statement as a rule. Raises `unknown_reference`."""
    shape, own_id = policy.shape_of(principal), principal.user_id
    given = articles.shown_parameters(principal, found.articles, found.text)
    given |= {"own_id": own_id, "ticket_count": len(found.tickets), "now": clock.now()}
    if suggestion_id is not None:
        own = {"suggestion_id": suggestion_id, "own_id": own_id}
        rows = await statements.fetch(_shown_and_kept(shape, is_new=False), given | own)
        if rows:
            return suggestion_id, _as_answered(found, rows)
        if await statements.fetch_one(_IS_OWN, own) is None:
            raise UnknownReference(pointer="#/suggestion_id")
    new = new_id()
    rows = await statements.fetch(_shown_and_kept(shape, is_new=True), given | {"suggestion_id": new})
    return new, _as_answered(found, rows)


def _as_answered(found: Suggested, rows: Sequence[Any]) -> list[dict[str, Any]]:
    return with_evidence(articles.in_order_of(found.articles, rows), found.articles, found.near)


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
