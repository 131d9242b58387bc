"""Reads of tickets: each starts from `policy.readable`, compiled, straight to JSON text."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Path, Request
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, Subquery, bindparam, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from helpdesk_api.authorization.dependencies import authenticate
from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import Checked
from helpdesk_api.database import clock
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.session import SessionDep
from helpdesk_api.database.writes import Loader, statements_of, update_at_flush
from helpdesk_api.domains.tickets import policy, representation
from helpdesk_api.domains.tickets.custom_conditions import require_known
from helpdesk_api.domains.tickets.errors import InstantOutOfOrder, TicketMerged, TicketNotFound
from helpdesk_api.domains.tickets.filters import (
    RELEVANCE,
    Forms,
    TicketFilters,
    clauses,
    read_filters,
)
from helpdesk_api.domains.tickets.full_text import texts_in, understand
from helpdesk_api.domains.tickets.grouping import ASSIGNEE
from helpdesk_api.domains.tickets.highlights import highlights_json
from helpdesk_api.domains.tickets.includes import included_json
from helpdesk_api.domains.tickets.models import Ticket, TicketParticipant, TicketWatcher
from helpdesk_api.domains.tickets.pages import Asked, order_of, page_rows
from helpdesk_api.domains.tickets.ranking import Order, require_text, wanted
from helpdesk_api.domains.tickets.search import Question, read_query
from helpdesk_api.domains.tickets.suggestions import did_you_mean_json
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.listing import PageRequest, cut_page
from helpdesk_api.web.schemas import RequestInstant

_KEY = re.compile(r"tkt_[0-9a-f]{32}|(INC|REQ|PRB|CHG)-[0-9]{1,18}")
COUNT_LIMIT = 10_000
# What is counted by, and the prefix of what is an id.
_FACETS = {"status": None, "priority": None, "team_id": "tea", "sla_state": None, ASSIGNEE: "usr"}
TICKETS = Loader(Ticket)


def _check_key(text: str) -> str:
    if not _KEY.fullmatch(text):
        code = "invalid_id"
        raise PydanticCustomError(
            code,
            "expected an id like tkt_ and 32 hex digits, or a reference like INC-1042",
        )
    return text


_KEY_SCHEMA: Any = {
    "description": "Its id, or its reference.",
    "max_length": 36,
    "json_schema_extra": {
        "pattern": r"^(tkt_[0-9a-f]{32}|(INC|REQ|PRB|CHG)-[0-9]{1,18})$",
        "examples": ["INC-1042"],
    },
}
TicketKey = Annotated[str, Path(**_KEY_SCHEMA), AfterValidator(_check_key)]
TicketKeyText = Annotated[str, Field(**_KEY_SCHEMA), AfterValidator(_check_key)]
"""The same in a body."""


def has_key(key: str) -> ColumnElement[bool]:
    """The ticket whose id or reference this is."""
    return Ticket.id == parse_id("tkt", key) if key.startswith("tkt_") else Ticket.reference == key


@lru_cache(maxsize=64)
def _lock_statement(shape: policy.CallerShape, *, by_id: bool) -> CompiledStatement:
    statement = select(*TICKETS.columns, policy.is_participant(shape).label("is_participant"))
    return CompiledStatement(
        statement.where(_named(by_id=by_id), policy.readable(shape)).with_for_update(of=Ticket.__table__)
    )


def _named(*, by_id: bool) -> ColumnElement[bool]:
    return Ticket.id == bindparam("key", type_=Ticket.id.type) if by_id else Ticket.reference == bindparam("key")


def _key_value(key: str) -> UUID | str:
    return parse_id("tkt", key) if key.startswith("tkt_") else key


async def lock_visible(session: AsyncSession, principal: Principal, key: str) -> tuple[Ticket, bool]:
    """The ticket, locked for a change, and whether the caller is a participant. Raises `ticket_not_found`."""
    value = _key_value(key)
    statement = _lock_statement(policy.shape_of(principal), by_id=isinstance(value, UUID))
    parameters = {**policy.caller_parameters(principal), "key": value}
    row = await (await statements_of(session)).fetch_one(statement, parameters)
    if row is None:
        raise TicketNotFound
    ticket = TICKETS.entity(row)
    update_at_flush(session, ticket)
    return ticket, row["is_participant"]


class VisibleTicket:
    """A ticket that the caller can see, locked until the transaction ends."""

    def __init__(self, ticket: Ticket, *, is_participant: bool) -> None:
        self.locked = ticket
        self.is_participant = is_participant
        # For a merged one: the ticket that goes on, when the caller can see it.
        self.target_id: UUID | None = None

    @property
    def ticket(self) -> Ticket:
        """For a change. Raises `ticket_merged`, and so only after an earlier twin's answer was looked for."""
        if self.locked.merged_into_id is not None:
            raise TicketMerged(self.target_id)
        return self.locked


async def know_target(session: AsyncSession, principal: Principal, visible: VisibleTicket) -> VisibleTicket:
    """For a merged one: where it goes on, if that is for the caller's eyes."""
    if visible.locked.merged_into_id is not None:
        shown = policy.readable(principal), Ticket.id == visible.locked.merged_into_id
        visible.target_id = await session.scalar(select(Ticket.id).where(*shown))
    return visible


OccurredAt = Annotated[
    RequestInstant | None,
    Header(
        alias="Occurred-At",
        description="Import clock: when it happened elsewhere. Needs the scope `import`; nobody is told.",
    ),
]


async def _visible(
    ticket_id: TicketKey, request: Request, session: SessionDep, occurred_at: OccurredAt = None
) -> VisibleTicket:
    principal = await authenticate(request)
    ticket, is_participant = await lock_visible(session, principal, ticket_id)
    if occurred_at is not None:
        if not principal.has(Permission.IMPORT):
            raise MissingScope(Permission.IMPORT)
        if not ticket.updated_at <= occurred_at <= clock.now():
            raise InstantOutOfOrder(parameter="Occurred-At")
        request.state.import_clock = clock.import_at(occurred_at)
    return await know_target(session, principal, VisibleTicket(ticket, is_participant=is_participant))


VisibleTicketDep = Annotated[VisibleTicket, Depends(_visible)]


@lru_cache(maxsize=64)
def _one_read(shape: policy.CallerShape, *, by_id: bool) -> CompiledStatement:
    return CompiledStatement(representation.select_tickets(shape).where(_named(by_id=by_id)))


async def get_row(reads: ReadSession, principal: Principal, key: str) -> Any:
    """One row of `select_tickets`. Raises `ticket_not_found`."""
    return await _row(reads, principal, _key_value(key))


async def _row(reads: ReadSession, principal: Principal, key: UUID | str) -> Any:
    read = _one_read(policy.shape_of(principal), by_id=isinstance(key, UUID))
    row = await reads.fetch_one(read, {**policy.caller_parameters(principal), "key": key})
    if row is None:
        raise TicketNotFound
    return row


@lru_cache(maxsize=64)
def _target_read(shape: policy.CallerShape, *, by_id: bool) -> CompiledStatement:
    merged = aliased(Ticket)
    key = merged.id == bindparam("key", type_=Ticket.id.type) if by_id else merged.reference == bindparam("key")
    target = select(merged.merged_into_id).where(key).scalar_subquery()
    return CompiledStatement(representation.select_tickets(shape).where(Ticket.id == target))


async def get_followed_row(reads: ReadSession, principal: Principal, key: str) -> tuple[Any, bool]:
    """As `get_row`, but of the ticket that goes on for a merged one, if the caller can see it; and whether it is that.

    Those who work on the one that goes on may come by a name that is not theirs to see; nobody else, since a
    requester who guesses names would learn which were merged.
    """
    value = _key_value(key)
    shape, parameters = policy.shape_of(principal), {**policy.caller_parameters(principal), "key": value}
    by_id = isinstance(value, UUID)
    row = await reads.fetch_one(_one_read(shape, by_id=by_id), parameters)
    if row is None or row["merged_into_id"] is not None:
        target = await reads.fetch_one(_target_read(shape, by_id=by_id), parameters)
        if target is not None and (row is not None or target["internal"]):
            return target, True
    if row is None:
        raise TicketNotFound
    return row, False


async def written_row(session: AsyncSession, principal: Principal, ticket: Ticket) -> Any:
    """The same row inside the transaction that just wrote it, flushed."""
    await session.flush()
    return await _row(await statements_of(session), principal, ticket.id)


async def as_seen(session: AsyncSession, principal: Principal, ticket: Ticket) -> tuple[str | None, str | None]:
    """The JSON text and the ETag of what was just written; null where it has left the caller's sight."""
    try:
        row = await written_row(session, principal, ticket)
    except TicketNotFound:
        return None, None
    detail = representation.detail_json(principal, row)
    return detail, representation.shown_etag(row, detail)


async def list_tickets(
    reads: ReadSession,
    principal: Principal,
    filters: TicketFilters,
    page: PageRequest,
    *,
    sort: str | None,
    group_by: str | None = None,
    include: Sequence[str],
    with_counts: bool,
    with_highlights: bool = False,
    asked: Question | None = None,
) -> tuple[str, str | None, str | None]:
    """The page's JSON and its cursors: one statement, one more an include, and one each for names in the query, for
    full text, for counts and for highlights, for a text whose newest matches do not fill the page, and for suggestions
    when it finds nothing.

    A question comes as `filters.query` or as `asked`. Raises `invalid_query` for the former, `unknown_sort` and
    `relevance_needs_text`.
    """
    if filters.query is not None:
        asked = await read_query(reads, principal, filters.query)
    (checked,), sought = await understand(reads, [asked.checked if asked is not None else None], filters.q)
    texts = [*([sought] if sought is not None else []), *(texts_in(checked, wanted_only=True) if checked else [])]
    text = wanted(texts)
    shape = policy.shape_of(principal)
    forms, values = read_filters(filters, principal, sought)
    values |= policy.caller_parameters(principal)
    order = await _order(reads, principal, Order(sort, group_by, principal.is_staff), text)
    cut = cut_page(order_of(order), page)
    question = Asked(forms, checked, sought, {**values, "wanted": text})
    rows, next_cursor, prev_cursor = cut.finish(await page_rows(reads, shape, question, order, cut))
    included = await included_json(reads, principal, include, rows)
    counts = await _counts(reads, _counts_read(shape, forms, checked, order), values, order) if with_counts else None
    total = await _total(reads, _total_read(shape, forms, checked), values) if page.include_total else None
    finds_nothing = not rows and page.cursor is None
    body = representation.page_json(
        principal,
        rows,
        next_cursor=next_cursor,
        prev_cursor=prev_cursor,
        total=total,
        included=included,
        counts=counts,
        understood=asked.json if asked is not None else None,
        highlights=await highlights_json(reads, principal, rows, text) if with_highlights else None,
        order_is_exact=not (order.is_bounded and rows and rows[0]["is_cut"]),
        did_you_mean=await did_you_mean_json(reads, principal, texts) if finds_nothing and texts else None,
    )
    return body, next_cursor, prev_cursor


async def _order(reads: ReadSession, principal: Principal, order: Order, text: str) -> Order:
    """Raises `unknown_sort` and `relevance_needs_text`."""
    if order.sort == RELEVANCE:
        require_text(text)
    if order.custom_key is not None:
        await require_known(reads, principal, order.custom_key)
    return order


def _bounded(
    shape: policy.CallerShape, forms: Forms, asked: Checked | None, *columns: Any, newest: Sequence[Any] = ()
) -> Subquery:
    limit: ColumnElement[int] = literal_column(str(COUNT_LIMIT + 1))
    found = select(*columns).where(policy.readable(shape), *clauses(shape, forms, asked))
    return found.order_by(*newest).limit(limit).subquery()


@lru_cache(maxsize=500)
def _total_read(shape: policy.CallerShape, forms: Forms, asked: Checked | None) -> CompiledStatement:
    return CompiledStatement(select(func.count()).select_from(_bounded(shape, forms, asked, Ticket.id)))


@lru_cache(maxsize=500)
def _counts_read(shape: policy.CallerShape, forms: Forms, asked: Checked | None, order: Order) -> CompiledStatement:
    """Of the rows that a bounded order puts in order, and of no others."""
    newest = (Ticket.created_at.desc(), Ticket.id.desc()) if order.is_bounded else ()
    names = _facets_of(order)
    matched = _bounded(shape, forms, asked, *[getattr(Ticket, name) for name in names], newest=newest)
    facets = [matched.c[name] for name in names]
    return CompiledStatement(select(*facets, func.count().label("n")).group_by(*facets))


async def find_ids(reads: ReadSession, principal: Principal, asked: Checked, *, limit: int) -> list[UUID]:
    """What a question finds for the caller, oldest first."""
    (understood,), _ = await understand(reads, [asked])
    found = select(Ticket.id).where(policy.readable(principal), *clauses(policy.shape_of(principal), (), understood))
    parameters = policy.caller_parameters(principal)
    return [row["id"] for row in await reads.fetch(found.order_by(Ticket.id).limit(limit), parameters)]


async def count_each(
    reads: ReadSession, principal: Principal, questions: Sequence[Checked], *, limit: int
) -> list[int]:
    """How many tickets each finds for the caller, up to one beyond the limit: one statement, and one for the texts."""
    if not questions:
        return []
    understood, _ = await understand(reads, questions)
    statement = _counts_of_each(policy.shape_of(principal), tuple(understood), limit)
    return list(await reads.fetch_one(statement, policy.caller_parameters(principal)))


@lru_cache(maxsize=100)
def _counts_of_each(shape: policy.CallerShape, questions: tuple[Checked | None, ...], limit: int) -> CompiledStatement:
    enough: ColumnElement[int] = literal_column(str(limit + 1))
    counts = []
    for number, asked in enumerate(questions):
        found = select(Ticket.id).where(policy.readable(shape), *clauses(shape, (), asked)).limit(enough).subquery()
        counts.append(select(func.count()).select_from(found).scalar_subquery().label(f"count_{number}"))
    return CompiledStatement(select(*counts))


async def _total(reads: ReadSession, read: CompiledStatement, values: Mapping[str, Any]) -> tuple[int, bool]:
    counted = await reads.fetch_value(read, values)
    return min(counted, COUNT_LIMIT), counted <= COUNT_LIMIT


def _facets_of(order: Order) -> list[str]:
    # By people in their own groups alone: a desk has many, and each would cut every other facet into more rows.
    return [name for name in _FACETS if name != ASSIGNEE or order.group_by == ASSIGNEE]


async def _counts(reads: ReadSession, read: CompiledStatement, values: Mapping[str, Any], order: Order) -> str:
    """Facets in one statement over at most 10,000 matches: a screen needs no more, and never waits for it."""
    rows = await reads.fetch(read, values)
    facets: dict[str, dict[str, int]] = {name: {} for name in _facets_of(order)}
    for row in rows:
        for name, facet in facets.items():
            key = _facet_key(row[name], _FACETS[name])
            facet[key] = facet.get(key, 0) + row["n"]
    exact = sum(row["n"] for row in rows) <= COUNT_LIMIT
    return json.dumps({ASSIGNEE: None, **facets, "is_exact": exact})


def _facet_key(value: Any, prefix: str | None) -> str:
    if value is None:
        return "none"
    return public_id(prefix, value) if prefix is not None else str(value)


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
