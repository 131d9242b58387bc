"""From a commit to whoever is to learn of it: webhooks and streams at a hundred events a second, the relay's own rate,
what an event's row costs a write, and what a NOTIFY inside each commit would.

The worker and the API are processes of their own; the writer and both receivers are in this one, so that one clock
measures.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import asyncpg
import httpx
from sqlalchemy import exists, func, select, text

from helpdesk_api import wiring
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import cache, clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.listener import Listener
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication import tokens
from helpdesk_api.domains.authentication.keys import key_set
from helpdesk_api.domains.tickets.events import TicketUpdated
from helpdesk_api.domains.webhooks import actions
from helpdesk_api.domains.webhooks.schemas import WebhookCreate
from helpdesk_api.installation import install_wiring
from helpdesk_api.jobs.tables import QueueStatus, queue
from helpdesk_api.outbox.pending import send_wakeups_through
from helpdesk_api.outbox.record import record
from helpdesk_api.outbox.relay import Relay
from tests.bench.contenders import Desk, serve_product, settings_for
from tests.bench.cpu import used_by_server
from tests.bench.processes import environment
from tests.domains.webhooks.receiver import Arrived, Receiver
from tests.factories.records import make_user, principal_of

RATE = 100
_LOOPBACK = {"HELPDESK_OUTBOUND_NETWORKS": "127.0.0.0/8"}
_WRITES = 400
_EVENTS = 4_000
_AT_ONCE = 16
_PATIENCE_SECONDS = 180.0


def print_latency(desk: Desk, postmaster: int, *, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="helpdesk-latency-") as name:
        asyncio.run(_measure(desk, postmaster, Path(name), seconds))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _measure(desk: Desk, postmaster: int, folder: Path, seconds: float) -> None:
    # Webhooks of this run go to this machine, and to nowhere else.
    os.environ.update(_LOOPBACK)
    install_wiring(settings_for(desk.url))
    database = Database(desk.url)
    cache.set_listening(listening=True)
    try:
        admin = await make_user(database, role=Role.ADMIN)
        ticket = next(one for several in desk.world.team_tickets.values() for one in several)
        await _print_row_cost(database, postmaster, ticket)
        await _print_notify(desk.url)
        await _print_relay(database, postmaster, ticket)
        await _print_paths(desk, database, folder, await principal_of(database, admin), ticket, seconds)
    finally:
        cache.set_listening(listening=False)
        await database.dispose()


def _updated(ticket: UUID) -> TicketUpdated:
    return TicketUpdated(
        subject_id=ticket,
        ticket_id=ticket,
        changes={"subject": ("before", "after")},
        ticket=SimpleNamespace(imported_until=None),
    )


async def _happen(database: Database, ticket: UUID, changes: int = 1) -> list[UUID]:
    async with database.session() as session:
        events = [_updated(ticket) for _ in range(changes)]
        return [(await record(session, Principal.system(), event)).id for event in events]


async def _print_row_cost(database: Database, postmaster: int, ticket: UUID) -> None:
    """The same write with an event and without, in turn."""
    touch = text("UPDATE tickets SET updated_at = updated_at WHERE id = :id")

    async def write(*, with_event: bool) -> None:
        async with database.session() as session:
            await session.execute(touch, {"id": ticket})
            if with_event:
                event = _updated(ticket)
                await record(session, Principal.system(), event)

    figures = []
    for with_event in (False, True, False, True):
        ours, theirs = time.process_time(), used_by_server(postmaster)
        for _ in range(_WRITES):
            await write(with_event=with_event)
        ours, theirs = time.process_time() - ours, used_by_server(postmaster) - theirs
        figures.append((1_000 * ours / _WRITES, 1_000 * theirs / _WRITES))
    bare, full = figures[2], figures[3]
    _say(
        f"\nan event's row costs a write {full[0] - bare[0]:.3f} ms CPU of ours and {full[1] - bare[1]:.3f} ms of"
        f" PostgreSQL's (a bare one: {bare[0]:.3f} and {bare[1]:.3f})"
    )


async def _print_notify(url: str) -> None:
    """Sixteen writers at once; PostgreSQL takes one lock for all commits that notify."""
    pool = await asyncpg.create_pool(url.replace("postgresql+asyncpg://", "postgresql://", 1), max_size=_AT_ONCE)
    try:
        await pool.execute("CREATE TABLE IF NOT EXISTS bench_commits (id bigserial PRIMARY KEY, at timestamptz)")
        rates = {}
        for name, told in (("after it", False), ("inside it", True)):

            async def write(told: bool = told) -> None:
                async with pool.acquire() as connection, connection.transaction():
                    await connection.execute("INSERT INTO bench_commits (at) VALUES (now())")
                    if told:
                        await connection.execute("SELECT pg_notify('bench_commits', '')")

            began = time.perf_counter()
            await _together(write, _WRITES * 2)
            rates[name] = _WRITES * 2 / (time.perf_counter() - began)
        await pool.execute("DROP TABLE bench_commits")
    finally:
        await pool.close()
    said = ", ".join(f"{rate:.0f} a second with the NOTIFY {name}" for name, rate in rates.items())
    _say(f"commits of {_AT_ONCE} writers: {said}")


async def _together(work: Callable[[], Awaitable[None]], times: int) -> None:
    left = iter(range(times))

    async def some() -> None:
        for _ in left:
            await work()

    await asyncio.gather(*[some() for _ in range(_AT_ONCE)])


async def _print_relay(database: Database, postmaster: int, ticket: UUID) -> None:
    relay = Relay(database, wiring.REACTIONS, followers=wiring.FOLLOWERS)
    while await relay.relay_batch():
        pass
    for _ in range(_EVENTS // 200):
        await _happen(database, ticket, 200)
    began, ours, theirs = time.perf_counter(), time.process_time(), used_by_server(postmaster)
    while await relay.relay_batch():
        pass
    took = time.perf_counter() - began
    ours, theirs = time.process_time() - ours, used_by_server(postmaster) - theirs
    _say(
        f"the relay numbers {_EVENTS / took:.0f} events a second; each costs {1_000 * ours / _EVENTS:.3f} ms CPU of"
        f" ours and {1_000 * theirs / _EVENTS:.3f} ms of PostgreSQL's"
    )


async def _print_paths(
    desk: Desk, database: Database, folder: Path, admin: Principal, ticket: UUID, seconds: float
) -> None:
    committed: dict[str, float] = {}
    hooked: dict[str, float] = {}
    streamed: dict[str, float] = {}

    async def take(one: Arrived) -> int:
        hooked.setdefault(one.event["id"], time.perf_counter())
        return 204

    receiver = Receiver(answer=take)
    listening = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = listening.sockets[0].getsockname()[1]
    body = WebhookCreate(url=receiver.url("bench"), event_types=["ticket.updated"])
    async with database.session() as session:
        # Those of earlier runs on a desk that was kept have nobody who listens any more.
        await session.execute(text("UPDATE webhooks SET is_active = false"))
        await actions.create_webhook(session, admin, body)
    listener = Listener(desk.url)
    await listener.start()
    send_wakeups_through(listener.wake)
    product = serve_product(desk, folder)
    try:
        with _worker(desk.url, folder):
            following = asyncio.create_task(_follow(product.port, await _token(database, admin), streamed))
            # The first ones only wait until everybody is there, and has done what the seed and other parts left behind.
            while not (hooked and streamed) or await _are_jobs_due(database):
                await _happen(database, ticket)
                await asyncio.sleep(0.5)
            began = time.perf_counter()
            for number in range(int(RATE * seconds)):
                [event] = await _happen(database, ticket)
                committed[public_id("evt", event)] = time.perf_counter()
                await asyncio.sleep(max(0.0, began + (number + 1) / RATE - time.perf_counter()))
            await _until(lambda: committed.keys() <= hooked.keys() and committed.keys() <= streamed.keys())
            following.cancel()
    finally:
        product.stop()
        send_wakeups_through(None)
        await listener.stop()
        listening.close()
    for name, arrived in (("webhook", hooked), ("stream", streamed)):
        _say(_percentiles(name, sorted(1_000 * (arrived[event] - at) for event, at in committed.items())))


async def _are_jobs_due(database: Database) -> bool:
    due = exists(
        select(queue.c.id).where(
            queue.c.status.in_((QueueStatus.QUEUED, QueueStatus.PICKED)), queue.c.execute_after <= func.now()
        )
    )
    async with database.session() as session:
        return bool(await session.scalar(select(due)))


def _percentiles(name: str, waits: list[float]) -> str:
    p50, p95, p99 = (waits[min(len(waits) - 1, int(len(waits) * share))] for share in (0.5, 0.95, 0.99))
    told = f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"
    return f"commit to {name}: {told}, {len(waits)} events at {RATE} a second"


async def _token(database: Database, admin: Principal) -> str:
    keys = await key_set(database)
    return tokens.issue(
        key_id=keys.signing_id,
        private_key=keys.signing_pem,
        user_id=admin.user_id,
        session_id=None,
        scopes=None,
        now=clock.now(),
        lifetime=timedelta(hours=1),
    )


async def _follow(port: int, token: str, streamed: dict[str, float]) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{port}/v1/events/stream?type=ticket.updated"
    async with httpx.AsyncClient(timeout=None) as client, client.stream("GET", url, headers=headers) as reply:
        async for line in reply.aiter_lines():
            if line.startswith("data: "):
                streamed.setdefault(json.loads(line.removeprefix("data: "))["id"], time.perf_counter())


@contextmanager
def _worker(url: str, folder: Path) -> Iterator[None]:
    variables = {"HELPDESK_DATABASE_URL": url, "HELPDESK_DATA_DIR": str(folder), **_LOOPBACK}
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "helpdesk_api.worker"], env=environment(**variables), stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not holds():  # noqa: ASYNC110 - the others are processes, which set no event
            await asyncio.sleep(0.02)
