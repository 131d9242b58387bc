"""Warnings, breaches and escalations at their instant: claimed by whichever worker comes first, told exactly once.

A clock's next step stands in its row. A worker locks the tickets of what is due and skips those that somebody holds:
whoever holds one may be pausing or resolving it at this very moment, and then nothing is left to tell.
"""

import asyncio
from contextlib import suppress
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import any_, bindparam, exists, literal_column, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database
from helpdesk_api.database.types import UtcDateTime
from helpdesk_api.database.writes import statements_of, update_at_flush
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.clock_store import CLOCKS, clocks_of, summarise, tell
from helpdesk_api.domains.sla.policy_queries import Promises, promises_within
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import IDS
from helpdesk_api.domains.tickets.queries import TICKETS

logger = structlog.get_logger(__name__)
BATCH = 200
POLL_SECONDS = 0.5


class Timers:
    """The loop of one worker; any number of them may run."""

    def __init__(self, database: Database, *, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; looks each half second, and at once again while there is more."""
        while not stop.is_set():
            fired = 0
            try:
                fired = await fire_due(self._database, batch=self._batch)
            except (SQLAlchemyError, OSError) as error:
                logger.warning("timers_failed", error=str(error))
            if fired < self._batch:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), POLL_SECONDS)


async def fire_due(database: Database, *, batch: int = BATCH) -> int:
    """Tell one batch of what is due, in one transaction. Returns how many tickets it took."""
    async with database.session() as session:
        return await fire_within(session, batch=batch)


@cache
def _due_tickets(batch: int) -> CompiledStatement:
    """The tickets of the longest due, locked; held ones are left to a later look."""
    now = bindparam("now", type_=UtcDateTime())
    limit: Any = literal_column(str(batch))
    due = (
        select(SlaClock.ticket_id)
        .where(SlaClock.next_timer_at <= now)
        .order_by(SlaClock.next_timer_at)
        .limit(limit)
        .subquery()
    )
    return CompiledStatement(
        select(*TICKETS.columns)
        .where(exists(select(due.c.ticket_id).where(due.c.ticket_id == Ticket.id)))
        .order_by(Ticket.id)
        .with_for_update(of=Ticket.__table__, skip_locked=True)
    )


@cache
def _clocks_of_tickets() -> CompiledStatement:
    given = SlaClock.ticket_id == any_(bindparam("ids", type_=IDS))
    return CompiledStatement(select(*CLOCKS.columns).where(given).order_by(SlaClock.ticket_id, SlaClock.id))


async def fire_within(session: AsyncSession, *, batch: int = BATCH) -> int:
    """The same in a transaction of the caller's."""
    now = clock.now()
    await session.flush()
    statements = await statements_of(session)
    tickets = [TICKETS.entity(row) for row in await statements.fetch(_due_tickets(batch), {"now": now})]
    if not tickets:
        return 0
    # Read after the lock, so that what a pause or an answer has just changed is seen.
    clocks: dict[UUID, list[SlaClock]] = {}
    for row in await statements.fetch(_clocks_of_tickets(), {"ids": [ticket.id for ticket in tickets]}):
        one = CLOCKS.entity(row)
        update_at_flush(session, one)
        clocks.setdefault(one.ticket_id, []).append(one)
    promised = await promises_within(session)
    for ticket in tickets:
        update_at_flush(session, ticket)
        await _fire_ticket(session, ticket, clocks[ticket.id], promised)
    return len(tickets)


async def _fire_ticket(session: AsyncSession, ticket: Ticket, rows: list[SlaClock], promised: Promises) -> None:
    now = clock.now()
    clocks = clocks_of(session, ticket.id, promised, rows)
    looked_at = [one for one in rows if one.next_timer_at is not None and one.next_timer_at <= now]
    due = [(at, one.metric.value, step, one) for one in looked_at for step, at in clocks.steps_due(one, now)]
    # Told in the order in which they came to pass, whichever clock they belong to.
    for at, _, step, one in sorted(due, key=lambda told: told[:3]):
        clocks.fire(one, step, at)
    for one in looked_at:
        clocks.schedule(one)
    before = (ticket.sla_state, ticket.sla_due_at)
    summarise(ticket, rows)
    if (ticket.sla_state, ticket.sla_due_at) != before:
        # Seen by every reader, but nobody's doing: the versions move, the time of the last change does not.
        ticket.version += 1
        ticket.public_version += 1
    await tell(session, ticket, clocks.changes)
