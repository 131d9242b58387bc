"""Reads of the event log: a ticket's history at once, the whole log only as far as the relay has numbered it."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, bindparam, select

from helpdesk_api.authorization.principal import SYSTEM_ID, Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.audit import others, policy
from helpdesk_api.domains.audit.errors import EventNotFound
from helpdesk_api.domains.tickets import policy as tickets
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import has_key
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import subject_prefix
from helpdesk_api.outbox.models import EventRow, OutboxState
from helpdesk_api.web.cursors import InvalidCursor, decode_cursor, encode_cursor
from helpdesk_api.web.listing import PageRequest, SortKey, paged

# A cursor's length must not tell how far the log has grown.
_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader of the log asks for; no types means all. The same one for a pull and for a stream."""

    types: frozenset[str] = frozenset()
    ticket_id: UUID | None = None
    view_id: UUID | None = None

    def binding(self, principal: Principal) -> str:
        """What a cursor is bound to: a position of one reader's question is none of another's."""
        view = f"|{self.view_id}" if self.view_id is not None else ""
        return f"events|{principal.user_id.hex}|{','.join(sorted(self.types))}|{self.ticket_id}{view}"


STORED: tuple[Any, ...] = (
    EventRow.id,
    EventRow.sequence,
    EventRow.type,
    EventRow.subject_type,
    EventRow.subject_id,
    EventRow.ticket_id,
    EventRow.occurred_at,
    EventRow.actor_kind,
    EventRow.actor_id,
    EventRow.visibility,
    EventRow.changes,
    EventRow.internal_changes,
    EventRow.data,
    EventRow.internal_data,
    EventRow.cause_event_id,
    EventRow.cause_rule,
    EventRow.cause_depth,
)


def _select(principal: tickets.Caller) -> AnySelect:
    """Readable events with their actor's name, and whether the caller sees their internal side."""
    return (
        select(*STORED, User.name.label("actor_name"), tickets.sees_internal(principal).label("sees_internal"))
        .outerjoin(Ticket, Ticket.id == EventRow.ticket_id)
        .outerjoin(User, User.id == EventRow.actor_id)
        .where(policy.readable(principal))
    )


async def ticket_history(
    reads: ReadSession, principal: Principal, key: str, page: PageRequest, *, newest_first: bool
) -> dict[str, Any]:
    """In the order in which they were recorded: the ticket's row was locked. Raises `ticket_not_found`."""
    ticket_id = await reads.fetch_value(select(Ticket.id).where(has_key(key), tickets.readable(principal)))
    if ticket_id is None:
        raise TicketNotFound
    order = SortKey("occurred_at", EventRow.position, int, descending=newest_first)
    cut = paged(_select(principal).where(EventRow.ticket_id == ticket_id), [order], page)
    rows, next_cursor, prev_cursor = cut.finish(await reads.fetch(cut.statement))
    hidden = await others.hidden_from(reads, principal, rows)
    return {
        "data": [_as_read(principal, row, hidden) for row in rows],
        "next_cursor": next_cursor,
        "prev_cursor": prev_cursor,
        "total": None,
        "total_is_exact": None,
    }


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one look at the log gave: up to `reached` there is nothing else for this reader."""

    rows: Sequence[Any]
    reached: int
    has_more: bool
    # Tickets that the rows name and that this reader cannot see.
    hidden: frozenset[str] = frozenset()

    def page(self, principal: Principal, asked: Question) -> dict[str, Any]:
        token = cursor_at(principal, asked, self.reached)
        return {
            "data": [_as_read(principal, row, self.hidden) for row in self.rows],
            "next_cursor": token if self.has_more else None,
            "complete_through": token,
            "end_of_stream": not self.has_more,
        }


async def read_log(reads: ReadSession, principal: Principal, asked: Question, start: int, limit: int) -> Stretch:
    """What the caller may read of the numbered events behind `start`, in order."""
    # Read first: whatever is numbered later lies behind this end, and so behind the cursor that we give.
    end = await reads.fetch_value(select(OutboxState.last_sequence)) or 0
    where = between(asked, start, end)
    rows = await reads.fetch(_select(principal).where(*where).order_by(EventRow.sequence).limit(limit + 1))
    has_more = len(rows) > limit
    reached = rows[limit - 1]["sequence"] if has_more else max(start, end)
    return Stretch(rows[:limit], reached, has_more, await others.hidden_from(reads, principal, rows[:limit]))


def between(asked: Question, start: int, end: int) -> list[ColumnElement[bool]]:
    """The stretch of the log behind `start` up to `end`, as far as the question goes."""
    where: list[ColumnElement[bool]] = [EventRow.sequence > start, EventRow.sequence <= end]
    if asked.types:
        where.append(EventRow.type.in_(sorted(asked.types)))
    if asked.ticket_id is not None:
        where.append(EventRow.ticket_id == asked.ticket_id)
    return where


def cursor_at(principal: Principal, asked: Question, position: int) -> str:
    return encode_cursor(asked.binding(principal), [f"{position:0{_DIGITS}d}"])


def position_of(principal: Principal, asked: Question, after: str, parameter: str = "after") -> int:
    """Raises `invalid_cursor`."""
    try:
        return int(decode_cursor(asked.binding(principal), after)[0])
    except InvalidCursor as error:
        raise InvalidCursor(parameter=parameter) from error


@cache
def _one_event(shape: tickets.CallerShape) -> CompiledStatement:
    """Made once for each kind of caller: every delivery of a webhook asks it."""
    one = EventRow.id == bindparam("event_id", type_=Uuid(as_uuid=True))
    return CompiledStatement(_select(shape).where(one, EventRow.sequence.is_not(None)))


async def get_event(reads: ReadSession, principal: Principal, event_id: UUID) -> dict[str, Any]:
    """Raises `event_not_found`, also for one that the relay has not numbered yet."""
    asked = {**tickets.caller_parameters(principal), "event_id": event_id}
    row = await reads.fetch_one(_one_event(tickets.shape_of(principal)), asked)
    if row is None:
        raise EventNotFound
    return _as_read(principal, row, await others.hidden_from(reads, principal, [row]))


def _as_read(principal: Principal, row: Any, hidden: Collection[str]) -> dict[str, Any]:
    return shown(row, internal=row["sees_internal"], numbered=policy.reads_everything(principal), hidden=hidden)


def shown(row: Any, *, internal: bool, numbered: bool, hidden: Collection[str] = ()) -> dict[str, Any]:
    """A row of the log as the schema has it, with its internal side and its number or without; without what names the
    hidden tickets."""
    internal_changes, internal_facts = others.without(hidden, row["internal_changes"], row["internal_data"])
    return {
        "id": row["id"],
        "sequence": row["sequence"] if numbered else None,
        "type": row["type"],
        "subject": {"type": row["subject_type"], "id": _subject_id(row["subject_type"], row["subject_id"])},
        "ticket_id": row["ticket_id"],
        "occurred_at": row["occurred_at"],
        "actor": _actor(row),
        "visibility": row["visibility"],
        "changes": _changes(row["changes"]),
        "internal_changes": _changes(internal_changes) if internal else None,
        "details": _details(row["data"]),
        "internal_details": _details(internal_facts) if internal else None,
        "cause": _cause(row) if internal else None,
    }


def _subject_id(kind: str, value: UUID) -> str:
    return public_id(subject_prefix(kind), value)


def _actor(row: Any) -> dict[str, Any]:
    if row["actor_id"] is None or row["actor_id"] == SYSTEM_ID:
        return {"id": None, "name": "Helpdesk", "kind": row["actor_kind"]}
    return {"id": row["actor_id"], "name": row["actor_name"] or "", "kind": row["actor_kind"]}


def _cause(row: Any) -> dict[str, Any] | None:
    if row["cause_event_id"] is None:
        return None
    return {"event_id": row["cause_event_id"], "rule": row["cause_rule"], "depth": row["cause_depth"]}


def _changes(changes: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [
        {"field": field, "before": _value(before), "after": _value(after)}
        for field, (before, after) in sorted(changes.items())
    ]


def _details(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in sorted(facts.items()) if _is_flat(value)]


def _is_flat(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return value is None or isinstance(value, str | int | bool)


def _value(value: Any) -> Any:
    """Deeper values as their JSON text: a change is never left out."""
    return value if _is_flat(value) else json.dumps(value, ensure_ascii=False)
