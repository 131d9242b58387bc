"""Reads of tickets: each starts from `policy.readable`, compiled, straight to JSON text."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Path
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.dependencies import PrincipalDep
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import SessionDep
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.tickets import policy, representation
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.domains.tickets.filters import (
    DEFAULT_SORT,
    SORTS,
    TIE_BREAK,
    TicketFilters,
    clauses,
)
from helpdesk_api.domains.tickets.includes import included_json
from helpdesk_api.domains.tickets.models import Ticket, TicketParticipant, TicketWatcher
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.listing import PageRequest, SortKey, paged, parse_sort

_KEY = re.compile(r"tkt_[0-9a-f]{32}|(INC|REQ|PRB|CHG)-[0-9]{1,18}")
COUNT_LIMIT = 10_000


def _check_key(text: str) -> str:
    if not _KEY.fullmatch(text):
        code = "invalid_id"
        raise PydanticCustomError(
            code,
            "expected an id like tkt_ and 32 hex digits, or a reference like INC-1042",
        )
    return text


TicketKey = Annotated[
    str,
    Path(
        description="Its id, or its reference.",
        max_length=36,
        json_schema_extra={
            "pattern": r"^(tkt_[0-9a-f]{32}|(INC|REQ|PRB|CHG)-[0-9]{1,18})$",
            "examples": ["INC-1042"],
        },
    ),
    AfterValidator(_check_key),
]


def has_key(key: str) -> ColumnElement[bool]:
    """The ticket whose id or reference this is."""
    return Ticket.id == parse_id("tkt", key) if key.startswith("tkt_") else Ticket.reference == key


async def lock_visible(session: AsyncSession, principal: Principal, key: str) -> tuple[Ticket, bool]:
    """The ticket, locked for a change, and whether the caller is a participant. Raises `ticket_not_found`."""
    statement = (
        select(Ticket, policy.is_participant(principal))
        .where(has_key(key), policy.readable(principal))
        .with_for_update(of=Ticket)
        .execution_options(populate_existing=True)
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise TicketNotFound
    return row[0], row[1]


class VisibleTicket:
    """A ticket that the caller can see, locked until the transaction ends."""

    def __init__(self, ticket: Ticket, *, is_participant: bool) -> None:
        self.ticket = ticket
        self.is_participant = is_participant


async def _visible(ticket_id: TicketKey, principal: PrincipalDep, session: SessionDep) -> VisibleTicket:
    ticket, is_participant = await lock_visible(session, principal, ticket_id)
    return VisibleTicket(ticket, is_participant=is_participant)


VisibleTicketDep = Annotated[VisibleTicket, Depends(_visible)]


async def get_row(reads: ReadSession, principal: Principal, key: str) -> Any:
    """One row of `select_tickets`. Raises `ticket_not_found`."""
    row = await reads.fetch_one(representation.select_tickets(principal).where(has_key(key)))
    if row is None:
        raise TicketNotFound
    return row


async def written_row(session: AsyncSession, principal: Principal, ticket: Ticket) -> Any:
    """The same row inside the transaction that just wrote it, flushed."""
    await session.flush()
    row = (
        (await session.execute(representation.select_tickets(principal).where(Ticket.id == ticket.id)))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise TicketNotFound
    return row


async def list_tickets(
    reads: ReadSession,
    principal: Principal,
    filters: TicketFilters,
    page: PageRequest,
    *,
    sort: str | None,
    include: Sequence[str],
    with_counts: bool,
) -> tuple[str, str | None, str | None]:
    """The page's JSON and its cursors: one statement, one more an include, one for counts."""
    where = clauses(filters, principal)
    keys = _order(parse_sort(sort, SORTS, DEFAULT_SORT))
    cut = paged(representation.select_tickets(principal).where(*where), keys, page)
    rows, next_cursor, prev_cursor = cut.finish(await reads.fetch(cut.statement))
    included = await included_json(reads, principal, include, rows)
    counts = await _counts(reads, principal, where) if with_counts else None
    total = await _total(reads, principal, where) if page.include_total else None
    body = representation.page_json(
        principal,
        rows,
        next_cursor=next_cursor,
        prev_cursor=prev_cursor,
        total=total,
        included=included,
        counts=counts,
    )
    return body, next_cursor, prev_cursor


def _order(keys: list[SortKey]) -> list[SortKey]:
    """The tie-break follows the last key's direction, so that one index serves both."""
    last = keys[-1]
    return [
        *keys,
        SortKey(TIE_BREAK.name, TIE_BREAK.column, TIE_BREAK.kind, last.descending),
    ]


def _bounded(principal: Principal, where: Sequence[ColumnElement[bool]], *columns: Any) -> AnySelect:
    return select(*columns).where(policy.readable(principal), *where).limit(COUNT_LIMIT + 1)


async def _total(reads: ReadSession, principal: Principal, where: Sequence[ColumnElement[bool]]) -> tuple[int, bool]:
    counted = await reads.fetch_value(
        select(func.count()).select_from(_bounded(principal, where, Ticket.id).subquery())
    )
    return min(counted, COUNT_LIMIT), counted <= COUNT_LIMIT


async def _counts(reads: ReadSession, principal: Principal, where: Sequence[ColumnElement[bool]]) -> str:
    """Facets in one statement over at most 10,000 matches: a screen needs no more, and never waits for it."""
    matched = _bounded(principal, where, Ticket.status, Ticket.priority, Ticket.team_id).subquery()
    rows = await reads.fetch(
        select(
            matched.c.status,
            matched.c.priority,
            matched.c.team_id,
            func.count().label("n"),
        ).group_by(matched.c.status, matched.c.priority, matched.c.team_id)
    )
    facets: dict[str, dict[str, int]] = {"status": {}, "priority": {}, "team_id": {}}
    for row in rows:
        team = f"tea_{row['team_id'].hex}" if row["team_id"] is not None else "none"
        for facet, key in (
            ("status", row["status"]),
            ("priority", row["priority"]),
            ("team_id", team),
        ):
            facets[facet][key] = facets[facet].get(key, 0) + row["n"]
    exact = sum(row["n"] for row in rows) <= COUNT_LIMIT
    return json.dumps({**facets, "is_exact": exact})


async def list_people(
    reads: ReadSession, table: type[TicketParticipant | TicketWatcher], ticket_id: Any
) -> list[dict[str, Any]]:
    """Participants or watchers of a ticket that the caller was already shown, oldest first."""
    rows = await reads.fetch(
        select(table.user_id, User.name, table.added_at)
        .join(User, User.id == table.user_id)
        .where(table.ticket_id == ticket_id)
        .order_by(table.added_at, table.user_id)
        .limit(200)
    )
    return [dict(row) for row in rows]
