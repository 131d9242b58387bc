"""Workers as processes, killed in the midst of deliveries: everything arrives, always under the same name."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.session import Database
from helpdesk_api.domains.webhooks import actions
from helpdesk_api.domains.webhooks.enums import DeliveryState
from helpdesk_api.domains.webhooks.models import WebhookDelivery
from helpdesk_api.domains.webhooks.schemas import WebhookCreate
from tests.domains.webhooks.desk import happen
from tests.domains.webhooks.receiver import LOOPBACK, Arrived, Receiver, receiving
from tests.factories.records import make_ticket, make_user, principal_of
from tests.fixtures.workers import StartWorker

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.processes,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("loopback"),
]

PATIENCE_SECONDS = 90


@pytest.fixture
def start(start_worker: StartWorker) -> StartWorker:
    """`start()`: a worker whose leases end after seven seconds."""
    return partial(start_worker, webhook_timeout_seconds="5", outbound_networks=LOOPBACK)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what it waits for is in other processes
            await asyncio.sleep(0.02)


async def hook(database: Database, receiver: Receiver, path: str, *, is_ordered: bool) -> None:
    boss = await make_user(database, role=Role.ADMIN)
    body = WebhookCreate(url=receiver.url(path), event_types=["ticket.updated"], is_ordered=is_ordered)
    async with database.session() as session:
        await actions.create_webhook(session, await principal_of(database, boss), body)


async def delivered(database: Database) -> int:
    async with database.session() as session:
        done = select(func.count()).where(WebhookDelivery.state == DeliveryState.DELIVERED)
        return await session.scalar(done) or 0


async def test_killed_again_and_again_every_event_arrives_under_one_name(
    own_database: Database, start: StartWorker
) -> None:
    async with receiving() as receiver:

        async def slowly(_: Arrived) -> int:
            await asyncio.sleep(0.02)
            return 204

        receiver.answer = slowly
        await hook(own_database, receiver, "ordered", is_ordered=True)
        await hook(own_database, receiver, "any", is_ordered=False)
        ticket = await make_ticket(own_database)
        events = [await happen(own_database, ticket) for _ in range(40)]
        for enough in (10, 30):
            worker = await start()

            async def far(enough: int = enough) -> bool:
                return len(receiver.arrived) >= enough

            await until(far)
            await worker.kill()
            assert await delivered(own_database) < 2 * len(events)
        await start()

        async def done() -> bool:
            return await delivered(own_database) == 2 * len(events)

        await until(done)
        for path in ("ordered", "any"):
            names: dict[str, set[str]] = {}
            for one in receiver.of(path):
                names.setdefault(one.event["id"], set()).add(one.name)
            assert sorted(names) == sorted(events)
            assert {len(found) for found in names.values()} == {1}
        firsts = list(dict.fromkeys(one.event["id"] for one in receiver.of("ordered")))
        assert firsts == events


async def test_killed_while_the_receiver_hesitates_it_is_posted_again_with_the_same_name(
    own_database: Database, start: StartWorker
) -> None:
    async with receiving() as receiver:
        hesitating, goes_on = asyncio.Event(), asyncio.Event()

        async def hesitate(_: Arrived) -> int:
            hesitating.set()
            await goes_on.wait()
            return 200

        receiver.answer = hesitate
        await hook(own_database, receiver, "any", is_ordered=False)
        await happen(own_database, await make_ticket(own_database))
        first = await start()
        await asyncio.wait_for(hesitating.wait(), PATIENCE_SECONDS)
        await first.kill()
        assert await delivered(own_database) == 0
        goes_on.set()
        await start()

        async def done() -> bool:
            return await delivered(own_database) == 1

        await until(done)
        assert len(receiver.arrived) >= 2
        assert len({one.name for one in receiver.arrived}) == 1
        assert len({one.body for one in receiver.arrived}) == 1


async def test_a_slow_receiver_starves_no_other(own_database: Database, start: StartWorker) -> None:
    async with receiving() as receiver:
        goes_on = asyncio.Event()

        async def answer(one: Arrived) -> int:
            if one.path == "/slow":
                await goes_on.wait()
            return 200

        receiver.answer = answer
        for _ in range(3):
            await hook(own_database, receiver, "slow", is_ordered=False)
        await hook(own_database, receiver, "fast", is_ordered=False)
        ticket = await make_ticket(own_database)
        events = [await happen(own_database, ticket) for _ in range(40)]
        await start(webhook_timeout_seconds="2")

        async def done() -> bool:
            return len(receiver.of("fast")) == len(events)

        await until(done)
        assert await delivered(own_database) <= len(events)
        goes_on.set()
