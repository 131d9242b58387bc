"""Transactions: commit before the reply, nothing left of what was rolled back."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from sqlalchemy import func, select, text

from helpdesk_api.authorization.dependencies import public
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.config import Settings
from helpdesk_api.database.cache import InvalidatedCache, invalidate
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database, SessionDep
from helpdesk_api.domains.tickets.events import TicketUpdated
from helpdesk_api.jobs.queue import enqueue
from helpdesk_api.main import create_app
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.outbox.record import record
from helpdesk_api.web.routing import ApiRouter
from tests.fixtures.clients import client_of

router = ApiRouter(prefix="/probe")


@router.post(
    "/deferred",
    status_code=201,
    include_in_schema=False,
    dependencies=[public("a probe of this test")],
    openapi_extra={"x-no-idempotency": True},
)
async def break_at_commit(session: SessionDep) -> dict[str, str]:
    await session.execute(text("INSERT INTO deferred_probe VALUES (1), (1)"))
    return {"status": "created"}


@pytest.fixture
async def probe(own_database: Database, settings: Settings) -> httpx.AsyncClient:
    async with own_database.session() as session:
        await session.execute(
            text("CREATE TABLE deferred_probe (n int, CONSTRAINT once UNIQUE (n) DEFERRABLE INITIALLY DEFERRED)")
        )
    app = create_app(settings, database=own_database)
    app.router.routes.extend(router.routes)
    return client_of(app)


async def test_a_commit_that_fails_is_not_answered_with_201(probe: httpx.AsyncClient, own_database: Database) -> None:
    reply = await probe.post("/probe/deferred")
    assert reply.status_code == 409
    async with own_database.session() as session:
        assert await session.scalar(text("SELECT count(*) FROM deferred_probe")) == 0


async def test_rolled_back_work_leaves_no_event_and_no_job(own_database: Database) -> None:
    ticket_id = new_id()

    async def work() -> None:
        async with own_database.session() as session:
            event = TicketUpdated(
                subject_id=ticket_id, ticket_id=ticket_id, ticket=SimpleNamespace(imported_until=None)
            )
            await record(session, Principal.system(), event)
            await enqueue(session, "probe", {})
            await session.flush()
            message = "the work failed"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError):
        await work()
    async with own_database.session() as session:
        assert await session.scalar(select(func.count()).select_from(EventRow)) == 0
        assert await session.scalar(text("SELECT count(*) FROM pgqueuer")) == 0


class TestCache:
    async def test_kept_until_invalidated_by_a_commit(self, own_database: Database) -> None:
        loads = 0

        async def load(reads: ReadSession, key: str) -> str:
            nonlocal loads
            loads += 1
            return f"{key}{loads}"

        cache = InvalidatedCache("probe_kept", load)
        assert await cache.get(own_database, "a") == "a1"
        assert await cache.get(own_database, "a") == "a1"

        async def refused() -> None:
            async with own_database.session() as session:
                await invalidate(session, "probe_kept", "a")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await refused()
        assert await cache.get(own_database, "a") == "a1"
        async with own_database.session() as session:
            await invalidate(session, "probe_kept", "a")
        assert await cache.get(own_database, "a") == "a2"

    async def test_a_fill_that_races_an_invalidation_is_not_kept(self, own_database: Database) -> None:
        gate, entered = asyncio.Event(), asyncio.Event()
        values = iter(["old", "new", "newer"])

        async def load(reads: ReadSession, key: str) -> str:
            value = next(values)
            entered.set()
            await gate.wait()
            return value

        cache = InvalidatedCache("probe_race", load)
        filling = asyncio.create_task(cache.get(own_database, "a"))
        await entered.wait()
        cache.forget("a")
        gate.set()
        assert await filling == "old"
        assert await cache.get(own_database, "a") == "new"
        assert await cache.get(own_database, "a") == "new"
