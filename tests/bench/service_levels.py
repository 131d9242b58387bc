"""What service levels cost: working time, timers, what they add to a write, and the preview of a policy.

Runs in this process, on the largest desk, after everything else: it opens all tickets and gives each a running clock.
"""

import asyncio
import random
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import uvloop
from sqlalchemy import select, text

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import cache, clock
from helpdesk_api.database.session import Database
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.domains.sla import policy_actions
from helpdesk_api.domains.sla.policy_models import STANDARD_POLICY
from helpdesk_api.domains.sla.policy_queries import lock_policy
from helpdesk_api.domains.sla.policy_schemas import SlaPolicyUpdate
from helpdesk_api.domains.sla.preview import preview
from helpdesk_api.domains.sla.rules import DayInterval, Hours, WorkingTime
from helpdesk_api.domains.sla.timers import Timers, fire_due
from helpdesk_api.domains.tickets import actions
from helpdesk_api.domains.tickets.enums import PendingReason
from helpdesk_api.domains.tickets.opening import open_ticket
from helpdesk_api.domains.tickets.queries import lock_visible
from helpdesk_api.domains.tickets.schemas import TicketCreate, TicketPend
from helpdesk_api.installation import install_wiring
from helpdesk_api.outbox.models import EventRow
from tests.bench.contenders import Desk, settings_for
from tests.bench.cpu import used_by_server
from tests.bench.measuring import settle
from tests.factories.records import make_user, principal_of

_COMPUTATIONS = 100_000
_DUE = 1_000
_WRITES = 50
_TURNS = 12
_EVERY_TICKET = text(
    "INSERT INTO sla_clocks (id, ticket_id, kind, metric, cycle, policy_id, policy_number, calendar_id, target, state,"
    " started_at, counted_at, used, used_calendar, due_at, fired, next_timer_at)"
    " SELECT gen_random_uuid(), id, 'sla', 'resolution', 1, :policy, 1, '00000000-0000-7000-8000-000000000247',"
    " interval '24 hours', 'running', now(), now(), interval '0', interval '0', now() + interval '24 hours', '{}',"
    " now() + interval '18 hours' FROM tickets"
)
# What its clock says of each ticket, as the product writes it down; `now()` is the same in the whole transaction.
_SUMMARISED = text(
    "UPDATE tickets SET sla_state = 'running', sla_due_at = now() + interval '24 hours', awaits_reply = false,"
    " status = 'open', pending_reason = NULL, closes_at = NULL"
)
# Steps a millisecond apart: warnings and breaches in turns, so that every other ticket changes with its clock.
_DUE_SOON = text(
    "WITH chosen AS (SELECT id, ticket_id, row_number() OVER () AS place FROM sla_clocks LIMIT :due),"
    " steps AS (SELECT id, ticket_id, CAST(:at AS timestamptz) + place * interval '1 ms' AS at,"
    " CASE WHEN place % 2 = 0 THEN interval '18 hours' ELSE interval '24 hours' END AS used,"
    " CASE WHEN place % 2 = 0 THEN '{}' ELSE '{warning:0}' END::text[] AS fired FROM chosen),"
    " moved AS (UPDATE sla_clocks SET next_timer_at = at, counted_at = at - steps.used, started_at = at - steps.used,"
    " due_at = at - steps.used + interval '24 hours', fired = steps.fired FROM steps WHERE steps.id = sla_clocks.id)"
    " UPDATE tickets SET sla_due_at = at - steps.used + interval '24 hours' FROM steps WHERE ticket_id = tickets.id"
)
# What happened to each: it was created and answered, and every other one rested for an hour.
_EVERY_PAST = text(
    "INSERT INTO events (id, type, subject_type, subject_id, ticket_id, occurred_at, actor_kind, visibility, changes,"
    " internal_changes, data, internal_data, cause_depth)"
    " SELECT gen_random_uuid(), told.type, 'ticket', tickets.id, tickets.id, created_at + told.after, 'system',"
    " 'public', told.changes, '{}', told.data, '{}', 0 FROM tickets CROSS JOIN LATERAL (VALUES"
    """ (1, 'ticket.created', interval '0', jsonb '{"status": [null, "open"]}', jsonb '{}'),"""
    """ (2, 'ticket.started', interval '1 minute', '{"status": ["open", "in_progress"]}', '{}'),"""
    """ (3, 'comment.created', interval '2 minutes', '{}', '{"by_requester": false}'),"""
    """ (4, 'ticket.pended', interval '3 minutes',"""
    """  '{"status": ["in_progress", "pending"], "pending_reason": [null, "requester"]}', '{}'),"""
    """ (5, 'comment.created', interval '1 hour', '{}', '{"by_requester": true}'),"""
    """ (6, 'ticket.resumed', interval '1 hour',"""
    """  '{"status": ["pending", "in_progress"], "pending_reason": ["requester", null]}', '{}')"""
    ") AS told (place, type, after, changes, data) WHERE place <= 3 OR tickets.number % 2 = 0"
    " ORDER BY created_at, tickets.id, place"
)


def print_service_levels(desk: Desk, postmaster: int) -> None:
    _working_time()
    # As the API is served.
    uvloop.run(_with_database(desk, postmaster))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _working_time() -> None:
    office = (DayInterval(540, 720), DayInterval(780, 1050))
    working = WorkingTime(Hours("Europe/Berlin", (office,) * 5 + ((), ())))
    chosen = random.Random(7)
    first = datetime(2026, 1, 1, tzinfo=UTC)
    starts = [first + timedelta(minutes=chosen.randrange(500_000)) for _ in range(_COMPUTATIONS)]
    amount = timedelta(hours=20)
    for name, work in (
        ("additions", lambda at: working.add(at, amount)),
        ("differences", lambda at: working.between(at, at + timedelta(days=5))),
    ):
        began = time.process_time()
        for start in starts:
            work(start)
        _say(f"{_COMPUTATIONS:,} {name} of working time: {time.process_time() - began:.2f} s CPU")


async def _with_database(desk: Desk, postmaster: int) -> None:
    install_wiring(settings_for(desk.url))
    database = Database(desk.url)
    cache.set_listening(listening=True)
    try:
        admin = await principal_of(database, await make_user(database, role=Role.ADMIN))
        settle()
        await _added_cost(database, admin, postmaster)
        async with database.session() as session:
            # As an import would: the rows, and no reference checked twice.
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            await session.execute(text("DELETE FROM sla_clocks"))
            await session.execute(_EVERY_TICKET, {"policy": STANDARD_POLICY})
            await session.execute(_SUMMARISED)
        await _scan(database, postmaster)
        await _lag(database, postmaster)
        await _preview(database, admin)
    finally:
        cache.set_listening(listening=False)
        await database.dispose()


async def _added_cost(database: Database, admin: Principal, postmaster: int) -> None:
    """The same actions with the standard policy and without any, in turns."""
    spent: dict[tuple[str, bool], list[float]] = {}
    counts: dict[tuple[str, bool], int] = {}
    for turn in range(2 * _TURNS):
        promised = turn % 2 == 0
        async with database.session() as session:
            archived = "NULL" if promised else "now() - interval '1 day'"
            await session.execute(text(f"UPDATE sla_policies SET archived_at = {archived}"))
        cache.heard("sla_policies:*")
        for what, milliseconds, statements in await _writes(database, admin, postmaster):
            spent.setdefault((what, promised), []).append(milliseconds)
            counts[what, promised] = statements
    async with database.session() as session:
        await session.execute(text("UPDATE sla_policies SET archived_at = NULL"))
    cache.heard("sla_policies:*")
    for what in ("create", "status change"):
        with_, without = min(spent[what, True]), min(spent[what, False])
        more = counts[what, True] - counts[what, False]
        added = f"{with_ - without:.2f} ms CPU ({with_:.2f} | {without:.2f})"
        _say(f"service levels add to a {what}: {added}, {more} statements")


async def _writes(database: Database, admin: Principal, postmaster: int) -> list[tuple[str, float, int]]:
    references: list[str] = []
    body = TicketCreate(subject="VPN drops", description="It drops.", impact="medium", urgency="medium")

    async def create() -> None:
        async with database.session() as session:
            references.append((await open_ticket(session, database, admin, body)).reference)

    async def change() -> None:
        async with database.session() as session:
            ticket, _ = await lock_visible(session, admin, references.pop())
            await actions.pend_ticket(session, admin, ticket, TicketPend(reason=PendingReason.VENDOR))

    found = []
    for what, work in (("create", create), ("status change", change)):
        statements = StatementCount()
        token = statement_count.set(statements)
        began = time.process_time() + used_by_server(postmaster)
        for _ in range(_WRITES):
            await work()
        spent = time.process_time() + used_by_server(postmaster) - began
        statement_count.reset(token)
        found.append((what, 1_000 * spent / _WRITES, round(statements.value / _WRITES)))
    return found


async def _scan(database: Database, postmaster: int) -> None:
    await fire_due(database)
    began = time.process_time() + used_by_server(postmaster)
    for _ in range(100):
        await fire_due(database)
    spent = time.process_time() + used_by_server(postmaster) - began
    async with database.session() as session:
        running = await session.scalar(text("SELECT count(*) FROM sla_clocks WHERE ended_at IS NULL"))
    _say(f"timers over {running:,} running clocks: {2 * 1_000 * spent / 100:.2f} ms CPU a second (two looks)")


async def _lag(database: Database, postmaster: int) -> None:
    """How long after its instant each of a thousand steps, all due within one second, is told by a single worker."""
    due = clock.now() + timedelta(seconds=2)
    async with database.session() as session:
        await session.execute(_DUE_SOON, {"at": due, "due": _DUE})
    stop = asyncio.Event()
    began = time.process_time() + used_by_server(postmaster)
    worker = asyncio.create_task(Timers(database).run(stop))
    await asyncio.sleep((due - clock.now()).total_seconds() + 6)
    spent = time.process_time() + used_by_server(postmaster) - began
    stop.set()
    await worker
    async with database.session() as session:
        told = EventRow.type.in_(["sla.warned", "sla.breached"])
        # An event's id is a UUIDv7: it tells when it was written.
        rows = (await session.execute(select(EventRow.id, EventRow.occurred_at).where(told))).all()
    lags = sorted((row.id.int >> 80) / 1_000 - row.occurred_at.timestamp() for row in rows if row.occurred_at >= due)
    _say(
        f"{len(lags):,} steps due within one second, one worker: told {lags[len(lags) // 2]:.2f} s (median) and"
        f" {lags[-1]:.2f} s (last) after their instant, for {spent:.2f} s CPU"
    )


async def _preview(database: Database, admin: Principal) -> None:
    hours = {"critical": 2, "high": 4, "medium": 12, "low": 48}
    targets = [{"metric": "resolution", "priority": name, "seconds": 3600 * n} for name, n in hours.items()]
    found = await _previewed(database, admin, targets)
    _say(f"{found['moved']:,} deadlines would move")
    async with database.session() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text("DELETE FROM events WHERE ticket_id IS NOT NULL"))
        await session.execute(_EVERY_PAST)
        await session.execute(text("ANALYZE events"))
    updates = [{"metric": "update", "priority": name, "seconds": 86_400} for name in hours]
    found = await _previewed(database, admin, [*targets, *updates])
    _say(f"{found['would_begin']:,} clocks would begin, by the pasts of as many tickets")


async def _previewed(database: Database, admin: Principal, targets: list[dict[str, Any]]) -> dict[str, Any]:
    async with database.session() as session:
        policy = await lock_policy(session, STANDARD_POLICY)
        change = SlaPolicyUpdate.model_validate({"targets": targets})
        await policy_actions.update_policy(session, database, admin, policy, change)
    began, cpu = time.perf_counter(), time.process_time()
    async with database.reads() as reads:
        found: dict[str, Any] = await preview(reads, database, STANDARD_POLICY, effective_from=None)
    _say(
        f"preview over {found['open_tickets']:,} open tickets: {time.perf_counter() - began:.1f} s,"
        f" {time.process_time() - cpu:.1f} s CPU here"
    )
    return found
