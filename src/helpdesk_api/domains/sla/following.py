"""Open tickets follow a policy or a calendar that comes into force: batch by batch, each in its own transaction."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.writes import statements_of, update_at_flush
from helpdesk_api.domains.sla.clock_models import StoredClock
from helpdesk_api.domains.sla.clock_past import last_by_key, may_come_back, may_go_on
from helpdesk_api.domains.sla.clock_reading import elapsed_at
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.sla.clock_state import ONGOING, Change, Fact, Plan
from helpdesk_api.domains.sla.clock_store import CLOCKS, clocks_by_ticket, clocks_of, summarise_unasked, tell
from helpdesk_api.domains.sla.enums import ClockChange, ClockState, PolicyKind, Reason
from helpdesk_api.domains.sla.events import SlaCancelled
from helpdesk_api.domains.sla.facts import facts_of, situation_of
from helpdesk_api.domains.sla.importing import rest
from helpdesk_api.domains.sla.policy_queries import Promises, promises_within
from helpdesk_api.domains.sla.replay import replay
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import IDS, any_of
from helpdesk_api.domains.tickets.queries import TICKETS
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES
from helpdesk_api.jobs.queue import NewJob, enqueue_many
from helpdesk_api.outbox.models import EventRow

FOLLOW = "sla.follow"
# By then whoever did not know of a change of policies or calendars has committed.
SETTLED = timedelta(seconds=5)
BATCH = 200


def follow_jobs(at: datetime, *, since: datetime | None = None) -> list[NewJob]:
    """At this instant; and once more for the tickets of those that did not know of it when they began their work."""
    return [follow_job(moment, since=since) for moment in (at, at + SETTLED)]


def follow_job(at: datetime, *, after: UUID | None = None, since: datetime | None = None) -> NewJob:
    """From this instant on, other promises or other hours may hold; `since` is that of other hours."""
    payload = {
        "at": at.isoformat(),
        "after": after.hex if after is not None else None,
        "since": since.isoformat() if since is not None else None,
    }
    return NewJob(name=FOLLOW, payload=payload, run_at=at)


async def follow(session: AsyncSession, payload: dict[str, Any]) -> None:
    """One batch of open tickets, and the job for the next. Twice changes nothing more."""
    at = datetime.fromisoformat(payload["at"])
    after = UUID(hex=payload["after"]) if payload["after"] is not None else UUID(int=0)
    since = datetime.fromisoformat(payload["since"]) if payload.get("since") else None
    statements = await statements_of(session)
    tickets = [TICKETS.entity(row) for row in await statements.fetch(_open_tickets(), {"after": after})]
    clocks = await clocks_by_ticket(session, [ticket.id for ticket in tickets])
    promised = await promises_within(session)
    withdrawn = await _withdrawn(session, clocks.values())
    for ticket in tickets:
        await _follow_ticket(session, ticket, clocks[ticket.id], promised, withdrawn, at, since)
    if len(tickets) == BATCH:
        await enqueue_many(session, [follow_job(at, after=tickets[-1].id, since=since)])


@cache
def _open_tickets() -> CompiledStatement:
    limit: Any = literal_column(str(BATCH))
    statuses: list[Any] = [literal_column(f"'{status}'") for status in sorted(ACTIVE_STATUSES)]
    return CompiledStatement(
        select(*TICKETS.columns)
        .where(Ticket.status.in_(statuses), Ticket.id > bindparam("after", type_=Uuid(as_uuid=True)))
        .order_by(Ticket.id)
        .limit(limit)
        .with_for_update()
    )


async def _follow_ticket(
    session: AsyncSession,
    ticket: Ticket,
    rows: list[StoredClock],
    promised: Promises,
    withdrawn: Collection[UUID],
    at: datetime,
    since: datetime | None,
) -> None:
    due = {one.id: one.due_at for one in rows if one.state in ONGOING}
    was_counted = (
        since is not None and ticket.updated_at > since and await _count_again(session, ticket, rows, promised)
    )
    # What the ticket has done since has already followed.
    at = max([at, *(one.ended_at or one.counted_at for one in rows)])
    differs = _differs(ticket, promised.plan(ticket, at), rows, withdrawn)
    if not was_counted and not differs and not _moves(rows, promised):
        return
    past = await facts_of(session, ticket)
    plan = promised.plan(ticket, at)
    # What is still being imported follows where its past ends by now: the rest of it is to come, and warns nobody.
    imported = ticket.imported_until is not None
    if ticket.imported_until is not None:
        at = max([ticket.imported_until, *(one.ended_at or one.counted_at for one in rows)])
    # Nothing follows before what was told before it, also of what moved no clock: that is how it is derived again.
    at = max([at, *(one.at for one in past)])
    for one in rows:
        CLOCKS.update_at_end(session, one)
    update_at_flush(session, ticket)
    counted = [(one, one.counted_at, one.used, one.used_calendar) for one in rows]
    now = situation_of(ticket)
    clocks = clocks_of(session, ticket.id, promised, rows)
    clocks.apply(Fact(at, now, now), plan, past)
    _tell_moved(clocks, due, at)
    if imported:
        rest(clocks)
    if all(change.at < at for change in clocks.changes):
        # Nothing tells of this instant, and something of a ticket's past may still be told that came before it.
        for one, counted_at, used, used_calendar in counted:
            one.counted_at, one.used, one.used_calendar = counted_at, used, used_calendar
    if not clocks.changes:
        return
    summarise_unasked(ticket, rows)
    await tell(session, ticket, clocks.changes, imported=imported)


async def _count_again(session: AsyncSession, ticket: Ticket, rows: Sequence[StoredClock], promised: Promises) -> bool:
    """What happened between a version's instant and its commit was counted by the hours before it. Whether that made
    a difference; what was told stays told."""
    told = select(EventRow).where(EventRow.ticket_id == ticket.id).order_by(EventRow.position)
    derived = replay(list((await session.execute(told)).scalars()), promised).clocks.clocks
    by_key = {(one.kind, one.metric, one.cycle): one for one in derived}
    is_moved = False
    for one in rows:
        other = by_key.get((one.kind, one.metric, one.cycle))
        if other is None or one.state is not other.state:
            continue
        at = max(one.counted_at, other.counted_at)
        used = elapsed_at(other, promised.hours[other.calendar_id], at)
        if elapsed_at(one, promised.hours[one.calendar_id], at) != used:
            CLOCKS.update_at_end(session, one)
            (one.used, one.used_calendar), one.counted_at, one.due_at = used, at, other.due_at
            is_moved = True
    return is_moved


async def _withdrawn(session: AsyncSession, rows: Iterable[Sequence[StoredClock]]) -> Collection[UUID]:
    """Of the clocks that ended late those that a promise ended, as far as the log tells: most were only done late, and
    for them no past is read."""
    late = [one for of_ticket in rows for one in last_by_key(of_ticket).values() if one.state is ClockState.BREACHED]
    if not late:
        return ()
    found = await (await statements_of(session)).fetch(_cancelled(), {"ids": [one.ticket_id for one in late]})
    return {row["subject_id"] for row in found}


@cache
def _cancelled() -> CompiledStatement:
    of_tickets = any_of(EventRow.ticket_id, bindparam("ids", type_=IDS))
    return CompiledStatement(select(EventRow.subject_id).where(of_tickets, EventRow.type == SlaCancelled.type))


def _differs(ticket: Ticket, plan: Plan, rows: Sequence[StoredClock], withdrawn: Collection[UUID]) -> bool:
    held = {
        (one.kind, one.metric): (one.policy_id, one.policy_number, one.target, one.calendar_id)
        for one in rows
        if one.state in ONGOING
    }
    last = last_by_key(rows)
    promised = {
        key: (one.policy_id, one.policy_number, one.target, one.calendar_id)
        for key, one in plan.items()
        # A contract's clock begins when the ticket goes to the vendor, and never late.
        if key in held
        or (
            may_go_on(one, last[key], ticket, is_withdrawn=_is_withdrawn(last[key], withdrawn))
            if key in last
            else one.kind is not PolicyKind.UNDERPINNING_CONTRACT
        )
    }
    return promised != held


def _is_withdrawn(last: StoredClock, withdrawn: Collection[UUID]) -> bool:
    return may_come_back(last) and (last.state is ClockState.CANCELLED or last.id in withdrawn)


def _moves(rows: Sequence[StoredClock], promised: Promises) -> bool:
    """Whether a calendar's new version gives any running clock another due time, or its next step another instant."""
    clocks = TicketClocks([], promised.hours.__getitem__, promised.steps_of)
    return any(
        clocks.due_of(one) != one.due_at
        or (one.next_timer_at is not None and clocks.next_timer(one) != one.next_timer_at)
        for one in rows
        if one.state in ONGOING
    )


def _tell_moved(clocks: TicketClocks, due: dict[UUID, datetime | None], at: datetime) -> None:
    """A due time that moved without another promise moved with its calendar."""
    told = {change.clock.id for change in clocks.changes}
    for one in clocks.ongoing():
        if one.id in due and one.id not in told and one.due_at != due[one.id]:
            before = {"due_at": due[one.id]}
            clocks.changes.append(Change(ClockChange.RECOMPUTED, one, at, Reason.CALENDAR_CHANGED, before))


JOBS = {FOLLOW: follow}
