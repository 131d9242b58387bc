"""Reads of the event log: a ticket's history at once, the whole log only as far as the relay has numbered it."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select

from helpdesk_api.authorization.principal import SYSTEM_ID, Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.audit import policy
from helpdesk_api.domains.audit.errors import EventNotFound
from helpdesk_api.domains.tickets import policy as tickets
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import has_key
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.models import EventRow, OutboxState
from helpdesk_api.web.cursors import InvalidCursor, decode_cursor, encode_cursor
from helpdesk_api.web.listing import PageRequest, SortKey, paged

_PREFIXES = {
    "form": "frm",
    "ticket": "tkt",
    "comment": "cmt",
    "user": "usr",
    "routing_rule": "rul",
    "ticket_template": "tpl",
    "tag_rename": "tag",
    "api_key": "key",
}
_PREFIX_LENGTH = 3
# A cursor's length must not tell how far the log has grown.
_DIGITS = 19


_STORED: tuple[Any, ...] = (
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


def _select(principal: Principal) -> AnySelect:
    """Readable events with their actor's name, and whether the caller sees their internal side."""
    return (
        select(*_STORED, User.name.label("actor_name"), tickets.sees_internal(principal).label("sees_internal"))
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
    return {
        "data": [shown(row) for row in rows],
        "next_cursor": next_cursor,
        "prev_cursor": prev_cursor,
        "total": None,
        "total_is_exact": None,
    }


async def event_log(
    reads: ReadSession,
    principal: Principal,
    *,
    after: str | None,
    types: Sequence[str],
    ticket_id: UUID | None,
    limit: int,
) -> dict[str, Any]:
    """What the caller may read of the numbered events behind `after`, in order. Raises `invalid_cursor`."""
    binding = f"events|{principal.user_id.hex}|{','.join(sorted(types))}|{ticket_id}"
    start = _position(binding, after) if after is not None else 0
    # Read first: whatever is numbered later lies behind this end, and so behind the cursor that we give.
    end = await reads.fetch_value(select(OutboxState.last_sequence)) or 0
    where: list[ColumnElement[bool]] = [EventRow.sequence > start, EventRow.sequence <= end]
    if types:
        where.append(EventRow.type.in_(types))
    if ticket_id is not None:
        where.append(EventRow.ticket_id == ticket_id)
    rows = await reads.fetch(_select(principal).where(*where).order_by(EventRow.sequence).limit(limit + 1))
    more = len(rows) > limit
    reached = rows[limit - 1]["sequence"] if more else max(start, end)
    token = encode_cursor(binding, [f"{reached:0{_DIGITS}d}"])
    return {
        "data": [shown(row) for row in rows[:limit]],
        "next_cursor": token if more else None,
        "complete_through": token,
    }


def _position(binding: str, after: str) -> int:
    try:
        return int(decode_cursor(binding, after)[0])
    except InvalidCursor as error:
        raise InvalidCursor(parameter="after") from error


async def get_event(reads: ReadSession, principal: Principal, event_id: UUID) -> dict[str, Any]:
    """Raises `event_not_found`, also for one that the relay has not numbered yet."""
    row = await reads.fetch_one(_select(principal).where(EventRow.id == event_id, EventRow.sequence.is_not(None)))
    if row is None:
        raise EventNotFound
    return shown(row)


def shown(row: Any) -> dict[str, Any]:
    """A row of `_select` as the schema has it."""
    internal = row["sees_internal"]
    return {
        "id": row["id"],
        "type": row["type"],
        "subject": {"type": row["subject_type"], "id": _subject_id(row["subject_type"], row["subject_id"])},
        "ticket_id": row["ticket_id"],
        "occurred_at": row["occurred_at"],
        "actor": _actor(row),
        "visibility": row["visibility"],
        "changes": _changes(row["changes"]),
        "internal_changes": _changes(row["internal_changes"]) if internal else None,
        "details": _details(row["data"]),
        "internal_details": _details(row["internal_data"]) if internal else None,
        "cause": _cause(row) if internal else None,
    }


def _subject_id(kind: str, value: UUID) -> str:
    return public_id(_PREFIXES.get(kind, kind[:_PREFIX_LENGTH]), value)


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
