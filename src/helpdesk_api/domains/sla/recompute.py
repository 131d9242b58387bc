"""Every clock derived again from the events and compared with what is stored: there must be no difference."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select, union

from helpdesk_api.database import clock
from helpdesk_api.database.ids import first_id_at, public_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.sla.calendar_models import Calendar
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.clock_queries import events_of
from helpdesk_api.domains.sla.clock_reading import elapsed_at
from helpdesk_api.domains.sla.clock_store import CLOCKS, shown
from helpdesk_api.domains.sla.policy_queries import Promises, promises
from helpdesk_api.domains.sla.replay import Replay, replay
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.models import EventRow

_COMPARED = (
    "state",
    "policy_id",
    "policy_number",
    "calendar_id",
    "target",
    "started_at",
    "paused_at",
    "ended_at",
    "due_at",
    "manual_due_at",
    "breached_at",
    "fired",
    "next_timer_at",
)
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one clock that is stored otherwise than its events say; `field` is `clock` for a missing one."""

    ticket_id: UUID
    clock: str
    field: str
    stored: Any
    derived: Any

    def __str__(self) -> str:
        where = f"{public_id('tkt', self.ticket_id)} {self.clock} {self.field}"
        return f"{where}: stored {self.stored}, derived {self.derived}"


async def differences(database: Database, *, since: datetime | None = None) -> AsyncIterator[Difference | int]:
    """Over all tickets, or those of which anything changed since; yields each difference, and at last how many clocks
    were compared."""
    promised = await promises(database)
    count = 0
    async with database.reads() as reads:
        async for ticket_id in _tickets(reads) if since is None else _changed(reads, since):
            found = await compare_ticket(reads, ticket_id, promised)
            count += found[0]
            for difference in found[1]:
                yield difference
    yield count


async def _tickets(reads: ReadSession) -> AsyncIterator[UUID]:
    last = UUID(int=0)
    while True:
        rows = await reads.fetch(select(Ticket.id).where(Ticket.id > last).order_by(Ticket.id).limit(_BATCH))
        for row in rows:
            yield row["id"]
        if len(rows) < _BATCH:
            return
        last = rows[-1]["id"]


async def _changed(reads: ReadSession, since: datetime) -> AsyncIterator[UUID]:
    """Timers and policies that come into force move clocks without the ticket, and may tell of an instant long before;
    an event's id says when it was written down. A clock that should have moved by now counts as one that did, and so do
    all that count on in a calendar that was changed: its next step may move alone, of which no event tells."""
    told = select(EventRow.ticket_id).where(EventRow.id >= first_id_at(since), EventRow.ticket_id.is_not(None))
    edited = select(Calendar.id).where(Calendar.updated_at >= since)
    moved = select(SlaClock.ticket_id).where(
        or_(
            SlaClock.counted_at >= since,
            SlaClock.ended_at >= since,
            SlaClock.breached_at >= since,
            SlaClock.next_timer_at <= clock.now(),
            and_(SlaClock.ended_at.is_(None), SlaClock.calendar_id.in_(edited)),
        )
    )
    changed = union(told, moved, select(Ticket.id).where(Ticket.updated_at >= since)).subquery()
    for row in await reads.fetch(select(Ticket.id).where(Ticket.id.in_(select(changed))).order_by(Ticket.id)):
        yield row["id"]


async def compare_ticket(reads: ReadSession, ticket_id: UUID, promised: Promises) -> tuple[int, list[Difference]]:
    """How many clocks it has, and where they differ."""
    rows = await reads.fetch(select(*CLOCKS.columns).where(SlaClock.ticket_id == ticket_id))
    stored = [CLOCKS.load(row) for row in rows]
    ticket = await reads.fetch_one(select(Ticket.imported_until).where(Ticket.id == ticket_id))
    derived = replay(await events_of(reads, ticket_id), promised)
    rests = ticket is not None and ticket["imported_until"] is not None
    return len(stored), compare(ticket_id, stored, derived, promised, clock.now(), rests=rests)


def compare(
    ticket_id: UUID, stored: Sequence[Any], derived: Replay, promised: Promises, now: datetime, *, rests: bool = False
) -> list[Difference]:
    """Steps whose instant has passed must have been told: a worker that stands still shows here. Not so while a past is
    being imported, in which clocks rest."""
    clocks = derived.clocks
    by_key = {_key(one): one for one in clocks.clocks}
    for one in clocks.ongoing():
        if rests:
            one.next_timer_at = None
        elif one.next_timer_at is not None and one.next_timer_at <= now:
            for step, at in clocks.steps_due(one, now):
                clocks.fire(one, step, at)
            clocks.schedule(one)
    found: list[Difference] = []
    for one in stored:
        other = by_key.pop(_key(one), None)
        if other is None:
            found.append(Difference(ticket_id, _key(one), "clock", "there", "not there"))
            continue
        found += [
            Difference(ticket_id, _key(one), name, shown(name, getattr(one, name)), shown(name, getattr(other, name)))
            for name in _COMPARED
            if getattr(one, name) != getattr(other, name)
            and not (name == "due_at" and _ended_before(one) and _ended_before(other))
        ]
        # Both counted up to now: a change that moves no clock may or may not have been a stop on the way.
        used, again = (elapsed_at(each, promised.hours[each.calendar_id], now) for each in (one, other))
        if used != again:
            found.append(Difference(ticket_id, _key(one), "used", [str(t) for t in used], [str(t) for t in again]))
    return [*found, *(Difference(ticket_id, key, "clock", "not there", "there") for key in by_key)]


def _ended_before(one: Any) -> bool:
    """Whether it ended before it was due, or was due never: then the due time is what the calendar said at that time of
    days to come, and a version that was published or withdrawn since says another."""
    if one.ended_at is None or one.manual_due_at is not None:
        return False
    return one.due_at is None or one.ended_at < one.due_at


def _key(one: Any) -> str:
    return f"{one.kind.value} {one.metric.value} {one.cycle}"
