"""How many deliveries are on their way to one endpoint at once."""

import asyncio

import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.session import Database
from helpdesk_api.domains.webhooks.delivery import PER_ENDPOINT, deliver_due
from helpdesk_api.domains.webhooks.settings import settings
from helpdesk_api.integrations.http.client import GuardedCaller
from tests.domains.webhooks.desk import happen, relay, webhook_of
from tests.domains.webhooks.receiver import Arrived, receiving
from tests.factories.records import make_ticket, make_user

pytestmark = [pytest.mark.enable_socket, pytest.mark.usefixtures("loopback")]


async def test_it_is_posted_to_a_few_at_a_time_or_one_and_gets_everything(own_database: Database) -> None:
    boss = await make_user(own_database, role=Role.ADMIN)
    ticket = await make_ticket(own_database)
    at_once: dict[str, int] = {}
    most: dict[str, int] = {}

    async def slowly(one: Arrived) -> int:
        at_once[one.path] = at_once.get(one.path, 0) + 1
        most[one.path] = max(most.get(one.path, 0), at_once[one.path])
        await asyncio.sleep(0.01)
        at_once[one.path] -= 1
        return 204

    async with receiving() as receiver:
        receiver.answer = slowly
        for path, is_ordered in (("any", False), ("row", True)):
            await webhook_of(own_database, boss, url=receiver.url(path), is_ordered=is_ordered)
        happened = [await happen(own_database, ticket) for _ in range(45)]
        await relay(own_database)
        caller = GuardedCaller(settings().reachable)
        await deliver_due(own_database, caller)
        await caller.close()
    assert sorted(one.event["id"] for one in receiver.of("any")) == sorted(happened)
    assert [one.event["id"] for one in receiver.of("row")] == happened
    assert 1 < most["/any"] <= PER_ENDPOINT
    assert most["/row"] == 1
