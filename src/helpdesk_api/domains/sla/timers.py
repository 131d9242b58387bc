"""Warnings, breaches and escalations at their instant: claimed by whichever worker comes first, told exactly once.

A clock's next step stands in its row. A worker locks the tickets of what is due and skips those that somebody holds:
whoever holds one may be pausing or resolving it at this very moment, and then nothing is left to tell.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Select, Uuid, bindparam, exists, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reachability import is_unreachable
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database
from helpdesk_api.database.types import UtcDateTime
from helpdesk_api.database.writes import statements_of, update_at_flush, write_rows
from helpdesk_api.domains.sla.clock_models import SlaClock, StoredClock
from helpdesk_api.domains.sla.clock_store import CLOCKS, clocks_by_ticket, clocks_of, summarise_unasked, tell
from helpdesk_api.domains.sla.policy_queries import Promises, promises_within
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import TICKETS

logger = structlog.get_logger(__name__)
BATCH = 200
POLL_SECONDS = 0.5
# A ticket that cannot be told is looked at again after this, and holds up no other.
POSTPONED = timedelta(minutes=1)


class Timers:
    """The loop of one worker; any number of them may run."""

    def __init__(self, database: Database, *, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch
        self._is_waiting = False

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; looks each half second, and at once again while there is more."""
        while not stop.is_set():
            fired = await self.look()
            if fired < self._batch:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), POLL_SECONDS)

    async def look(self) -> int:
        """Tell one batch of what is due. A database that is away is waited for, and told of once until it is back."""
        try:
            fired = await fire_due(self._database, batch=self._batch)
        except Exception as error:
            if not is_unreachable(error):
                logger.exception("timers_failed")
            elif not self._is_waiting:
                self._is_waiting = True
                logger.warning("timers_wait_for_database", error=str(error)[:500])
            return 0
        self._is_waiting = False
        return fired


async def fire_due(database: Database, *, batch: int = BATCH) -> int:
    """Tell one batch of what is due, in one transaction. Returns how many tickets it took.

    When one of them fails, each is told by itself and that one is put off.
    """
    try:
        async with database.session() as session:
            return await fire_within(session, batch=batch)
    except Exception as error:
        if is_unreachable(error):
            raise
        logger.exception("timers_batch_failed")
    async with database.reads() as reads:
        ids = [row["ticket_id"] for row in await reads.fetch(_due_ids(batch), {"now": clock.now()})]
    for ticket_id in ids:
        await _fire_alone(database, ticket_id)
    return len(ids)


async def _fire_alone(database: Database, ticket_id: UUID) -> None:
    try:
        async with database.session() as session:
            rows = await (await statements_of(session)).fetch(_held_ticket(), {"id": ticket_id})
            await _fire(session, [TICKETS.entity(row) for row in rows])
    except Exception as error:
        if is_unreachable(error):
            raise
        logger.exception("timer_failed", ticket_id=public_id("tkt", ticket_id))
        async with database.session() as session:
            now = clock.now()
            due = (SlaClock.ticket_id == ticket_id, SlaClock.next_timer_at <= now)
            await session.execute(update(SlaClock).where(*due).values(next_timer_at=now + POSTPONED))


def _longest_due(batch: int) -> Select[UUID]:
    now = bindparam("now", type_=UtcDateTime())
    limit: Any = literal_column(str(batch))
    return select(SlaClock.ticket_id).where(SlaClock.next_timer_at <= now).order_by(SlaClock.next_timer_at).limit(limit)


@cache
def _due_ids(batch: int) -> CompiledStatement:
    due = _longest_due(batch).subquery()
    return CompiledStatement(select(due.c.ticket_id).distinct())


@cache
def _due_tickets(batch: int) -> CompiledStatement:
    """The tickets of the longest due, locked; held ones are left to a later look."""
    due = _longest_due(batch).subquery()
    return CompiledStatement(
        select(*TICKETS.columns)
        .where(exists(select(due.c.ticket_id).where(due.c.ticket_id == Ticket.id)))
        .order_by(Ticket.id)
        .with_for_update(of=Ticket.__table__, skip_locked=True)
    )


@cache
def _held_ticket() -> CompiledStatement:
    one = Ticket.id == bindparam("id", type_=Uuid(as_uuid=True))
    return CompiledStatement(select(*TICKETS.columns).where(one).with_for_update(of=Ticket.__table__, skip_locked=True))


async def fire_within(session: AsyncSession, *, batch: int = BATCH) -> int:
    """The same in a transaction of the caller's."""
    now = clock.now()
    await session.flush()
    await write_rows(session)
    statements = await statements_of(session)
    tickets = [TICKETS.entity(row) for row in await statements.fetch(_due_tickets(batch), {"now": now})]
    await _fire(session, tickets)
    return len(tickets)


async def _fire(session: AsyncSession, tickets: Sequence[Ticket]) -> None:
    if not tickets:
        return
    # Read after the lock, so that what a pause or an answer has just changed is seen.
    clocks = await clocks_by_ticket(session, [ticket.id for ticket in tickets])
    promised = await promises_within(session)
    for ticket in tickets:
        update_at_flush(session, ticket)
        for one in clocks[ticket.id]:
            CLOCKS.update_at_end(session, one)
        await _fire_ticket(session, ticket, clocks[ticket.id], promised)


async def _fire_ticket(session: AsyncSession, ticket: Ticket, rows: list[StoredClock], promised: Promises) -> None:
    now = clock.now()
    clocks = clocks_of(session, ticket.id, promised, rows)
    looked_at = [one for one in rows if one.next_timer_at is not None and one.next_timer_at <= now]
    due = [(at, one.metric.value, step, one) for one in looked_at for step, at in clocks.steps_due(one, now)]
    # Told in the order in which they came to pass, whichever clock they belong to; of one clock, those of one instant
    # in the order that the rules have, for these are what is derived again.
    for at, _, step, one in sorted(due, key=lambda told: told[:2]):
        clocks.fire(one, step, at)
    for one in looked_at:
        clocks.schedule(one)
    summarise_unasked(ticket, rows)
    await tell(session, ticket, clocks.changes)
