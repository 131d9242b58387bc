"""Reads of clocks: where they stand now, and why. Everything starts from the ticket that its reader can see."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, bindparam, literal_column, select, true

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.sla.calendar_queries import timelines_by
from helpdesk_api.domains.sla.clock_models import SlaClock, StoredClock
from helpdesk_api.domains.sla.clock_reading import ROW_COLUMNS, ClockRow, Reading
from helpdesk_api.domains.sla.clock_state import ONGOING, Span
from helpdesk_api.domains.sla.clock_store import CLOCKS
from helpdesk_api.domains.sla.enums import PolicyKind
from helpdesk_api.domains.sla.errors import SlaNotFound
from helpdesk_api.domains.sla.policy_queries import Promises, promises
from helpdesk_api.domains.sla.replay import replay
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets.policy import IDS, any_of
from helpdesk_api.domains.tickets.representation import distinct
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.web.preconditions import etag_of_content
from helpdesk_api.web.schemas import instant_text

_TICKET = bindparam("ticket_id", type_=Uuid(as_uuid=True))


@cache
def _clocks_read() -> CompiledStatement:
    statement = select(*CLOCKS.columns).where(SlaClock.ticket_id == _TICKET)
    return CompiledStatement(statement)


@cache
def _shown_read() -> CompiledStatement:
    statement = select(*ROW_COLUMNS).where(SlaClock.ticket_id == _TICKET)
    return CompiledStatement(statement.order_by(SlaClock.kind, SlaClock.metric, SlaClock.cycle))


# What is read of an event to derive clocks from it.
EVENT_COLUMNS = (
    EventRow.id,
    EventRow.type,
    EventRow.subject_id,
    EventRow.occurred_at,
    EventRow.visibility,
    EventRow.changes,
    EventRow.data,
    EventRow.cause_event_id,
)


@cache
def _events_read() -> CompiledStatement:
    return CompiledStatement(select(*EVENT_COLUMNS).where(EventRow.ticket_id == _TICKET).order_by(EventRow.position))


class _Row:
    """An event's row by attributes, as the ORM gives it."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.__dict__.update(record)


async def events_of(reads: ReadSession, ticket_id: UUID) -> list[Any]:
    """All events of a ticket in order, as `replay` takes them."""
    return event_rows(await reads.fetch(_events_read(), {"ticket_id": ticket_id}))


def event_rows(records: Iterable[Mapping[str, Any]]) -> list[Any]:
    return [_Row(record) for record in records]


async def list_clocks(reads: ReadSession, principal: Principal, key: str) -> dict[str, Any]:
    """By kind and metric; requesters see what was promised to them. Raises `ticket_not_found`."""
    ticket = await tickets.get_row(reads, principal, key)
    rows = await reads.fetch(_shown_read(), {"ticket_id": ticket["id"]})
    reading = Reading(await timelines_by(reads), clock.now())
    grouped: dict[tuple[str, str], list[ClockRow]] = {}
    for found in map(ClockRow._make, rows):
        if ticket["internal"] or found.kind == PolicyKind.SLA:
            grouped.setdefault((found.kind, found.metric), []).append(found)
    data = []
    for (kind, metric), cycles in grouped.items():
        shown = [(one.state in ONGOING, reading.cycle(one)) for one in cycles]
        data.append(
            {
                "kind": kind,
                "metric": metric,
                "ongoing_cycle": next((cycle for is_ongoing, cycle in shown if is_ongoing), None),
                "completed_cycles": [cycle for is_ongoing, cycle in shown if not is_ongoing],
            }
        )
    return {"ticket_id": ticket["id"], "data": data}


def deadline_etag(one: Any) -> str:
    """Of a deadline, which carries no version: it moves when the clock is due at another time, or by another word."""
    said = (None if at is None else instant_text(at.astimezone(UTC)) for at in (one.due_at, one.manual_due_at))
    return etag_of_content(repr([*said]).encode())


async def read_deadline(reads: ReadSession, principal: Principal, key: str, sla_id: UUID) -> StoredClock:
    """Raises `ticket_not_found` and `sla_not_found`."""
    return await _visible_clock(reads, await tickets.get_row(reads, principal, key), sla_id)


async def _visible_clock(reads: ReadSession, ticket: Any, sla_id: UUID) -> StoredClock:
    rows = await reads.fetch(_clocks_read(), {"ticket_id": ticket["id"]})
    found: StoredClock | None = next((CLOCKS.load(row) for row in rows if row["id"] == sla_id), None)
    if found is None or not (ticket["internal"] or found.kind is PolicyKind.SLA):
        raise SlaNotFound
    return found


async def explain(
    reads: ReadSession, database: Database, principal: Principal, key: str, sla_id: UUID
) -> dict[str, Any]:
    """Derived from the events alone. Raises `ticket_not_found` and `sla_not_found`."""
    ticket = await tickets.get_row(reads, principal, key)
    stored = await _visible_clock(reads, ticket, sla_id)
    promised = await promises(database)
    events = await events_of(reads, ticket["id"])
    derived = replay(events, promised, keeps_spans=True)
    now = clock.now()
    one = next(
        (
            found
            for found in derived.clocks.clocks
            if (found.kind, found.metric, found.cycle) == (stored.kind, stored.metric, stored.cycle)
        ),
        None,
    )
    if one is None:
        raise SlaNotFound
    if one.state in ONGOING:
        derived.clocks.settle(one, max(now, one.counted_at))
    return {
        "id": sla_id,
        "ticket_id": ticket["id"],
        "kind": one.kind,
        "metric": one.metric,
        "cycle": one.cycle,
        "as_of": one.ended_at or one.counted_at,
        "elapsed": {
            "working_seconds": one.used.total_seconds(),
            "calendar_seconds": one.used_calendar.total_seconds(),
        },
        "segments": list(_segments([span for span in derived.clocks.spans if span.clock is one], promised)),
        "steps": [
            {"at": event.occurred_at, "what": event.type.partition(".")[2], "reason": event.data.get("reason")}
            for event in events
            if event.type.startswith("sla.") and event.subject_id == sla_id
        ],
    }


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Where nothing changed for the clock, nothing is cut: what else happened then may be the staff's own."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].end == span.start and _kind(found[-1]) == _kind(span):
            found[-1] = replace(found[-1], end=span.end)
        else:
            found.append(span)
    return found


def _kind(span: Span) -> tuple[Any, ...]:
    return span.counted, span.why, span.calendar_id, span.policy_id, span.policy_number


def _segments(spans: Sequence[Span], promised: Promises) -> Iterable[dict[str, Any]]:
    """Each span cut where the calendar opens, closes or changes its version; only open parts of counted ones count."""
    for span in _joined(spans):
        for part in promised.hours[span.calendar_id].segments(span.start, span.end):
            why = ("open" if part.is_open else "closed") if span.counted else span.why
            yield {
                "from": part.start,
                "to": part.end,
                "is_counted": span.counted and part.is_open,
                "why": why,
                "seconds": (part.end - part.start).total_seconds(),
                "calendar_id": span.calendar_id,
                "calendar_version": part.version,
                "policy_id": span.policy_id,
                "policy_version": span.policy_number,
            }


@cache
def _ongoing_read() -> CompiledStatement:
    of_tickets = any_of(SlaClock.ticket_id, bindparam("ids", type_=IDS))
    ongoing = select(*ROW_COLUMNS).where(of_tickets, SlaClock.ended_at.is_(None))
    return CompiledStatement(ongoing.order_by(SlaClock.ticket_id, SlaClock.metric))


def has_ongoing(ticket_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Of whatever kind; looked up for the one ticket, where an EXISTS might read all clocks for a page of them."""
    one = select(true()).where(SlaClock.ticket_id == ticket_id, SlaClock.ended_at.is_(None)).limit(literal_column("1"))
    return one.correlate(ticket_id.table).scalar_subquery().is_not(None)


async def ongoing_clocks(reads: ReadSession, principal: Principal, rows: Sequence[Any]) -> Mapping[str, str]:
    """`include=sla`: the clocks that still run or rest, in one statement; OLAs and contracts for the staff alone."""
    del principal
    ids = distinct(rows, "id")
    if not ids:
        return {}
    internal = {row["id"] for row in rows if row["internal"]}
    found = await reads.fetch(_ongoing_read(), {"ids": ids})
    reading = Reading(await timelines_by(reads), clock.now())
    return {
        public_id("sla", one.id): reading.label(one)
        for one in map(ClockRow._make, found)
        if one.kind == PolicyKind.SLA or one.ticket_id in internal
    }
