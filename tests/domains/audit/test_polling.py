"""Long polls: they wait without a connection, wake for what the caller may read, and end with the caller's rights."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from helpdesk_api.authorization import grants
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import cache, clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.audit.cloud_events import BATCH_MEDIA
from helpdesk_api.domains.audit.following import LogFollowing
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import Visibility
from tests.domains.audit.test_log import happen, ids, read, relay
from tests.domains.stream.serving import until
from tests.factories.records import Make
from tests.fixtures.clients import AsUser


@pytest.fixture
async def rita(a_user: Make) -> User:
    user: User = await a_user()
    return user


@pytest.fixture
async def ticket(a_ticket: Make, rita: User, database: Database) -> Ticket:
    made: Ticket = await a_ticket(by=rita)
    await relay(database)
    return made


@pytest.fixture
async def following(app: FastAPI) -> AsyncIterator[LogFollowing]:
    found: LogFollowing = app.state.following
    yield found
    # Its reader ends by itself once nobody follows; the database of this test must outlive it.
    found.wake()
    await until(lambda: found.is_idle)


async def waiting(client: httpx.AsyncClient, following: LogFollowing, query: str) -> "asyncio.Task[dict[str, Any]]":
    """A poll that is on its way and has found nothing yet."""
    task = asyncio.create_task(read(client, query))
    await until(lambda: len(following) or task.done())
    assert not task.done()
    return task


async def test_wakes_for_what_the_caller_may_read_and_holds_no_connection(
    database: Database, ticket: Ticket, rita: User, as_user: AsUser, following: LogFollowing
) -> None:
    client = as_user(rita)
    start = (await read(client))["complete_through"]
    task = await waiting(client, following, f"after={start}&wait=30")
    # There is one connection in this test: all of this would wait for ever if the poll held it.
    await happen(database, ticket, visibility=Visibility.INTERNAL)
    await relay(database)
    following.wake()
    public = await happen(database, ticket)
    await relay(database)
    following.wake()
    found = await asyncio.wait_for(task, 20)
    assert (ids(found), found["next_cursor"], found["end_of_stream"]) == ([public], None, True)
    assert ids(await read(client, f"after={found['complete_through']}")) == []


async def test_what_is_there_is_answered_at_once(
    database: Database, ticket: Ticket, admin_client: httpx.AsyncClient, following: LogFollowing
) -> None:
    start = (await read(admin_client))["complete_through"]
    expected = [await happen(database, ticket) for _ in range(3)]
    await relay(database)
    found = await read(admin_client, f"after={start}&wait=30&limit=2")
    assert (ids(found), found["end_of_stream"]) == (expected[:2], False)
    assert len(following) == 0


async def test_from_now_on_without_reading_through_the_past(
    database: Database, ticket: Ticket, rita: User, as_user: AsUser, following: LogFollowing
) -> None:
    client = as_user(rita)
    await happen(database, ticket)
    await relay(database)
    now = await read(client, "after=latest")
    assert (ids(now), now["end_of_stream"], now["next_cursor"]) == ([], True, None)
    task = await waiting(client, following, "after=latest&wait=30")
    later = await happen(database, ticket)
    await relay(database)
    following.wake()
    assert ids(await asyncio.wait_for(task, 20)) == [later]
    assert ids(await read(client, f"after={now['complete_through']}")) == [later]


async def test_an_empty_answer_when_the_time_is_over(
    ticket: Ticket, admin_client: httpx.AsyncClient, following: LogFollowing
) -> None:
    del ticket
    start = (await read(admin_client))["complete_through"]
    found = await read(admin_client, f"after={start}&wait=1")
    assert (ids(found), found["end_of_stream"], len(following)) == ([], True, 0)


async def test_ends_with_the_callers_rights(
    database: Database, ticket: Ticket, a_user: Make, as_user: AsUser, following: LogFollowing
) -> None:
    agent = await a_user(role=Role.AGENT)
    client = as_user(agent)
    start = (await read(client))["complete_through"]
    task = asyncio.create_task(client.get(f"/v1/events?after={start}&wait=30"))
    await until(lambda: len(following))
    async with database.session() as session:
        (await session.get_one(User, agent.id)).deactivated_at = clock.now()
        await cache.invalidate(session, grants.CACHE, agent.id.hex)
    await happen(database, ticket)
    await relay(database)
    following.wake()
    reply = await asyncio.wait_for(task, 20)
    assert (reply.status_code, reply.json()["code"]) == (401, "missing_credentials")


async def test_the_number_is_for_those_who_read_everything(
    database: Database, ticket: Ticket, admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    for _ in range(3):
        await happen(database, ticket)
    await relay(database)
    numbers = [event["sequence"] for event in (await read(admin_client, "limit=200"))["data"]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert {event["sequence"] for event in (await read(agent_client, "limit=200"))["data"]} == {None}


@pytest.mark.parametrize("asked", [{"params": {"format": "cloudevents"}}, {"headers": {"Accept": BATCH_MEDIA}}])
async def test_as_cloud_events(
    database: Database, ticket: Ticket, rita: User, as_user: AsUser, asked: dict[str, Any]
) -> None:
    client = as_user(rita)
    await happen(database, ticket)
    await relay(database)
    plain = (await read(client))["data"]
    reply = await client.get("/v1/events", **asked)
    assert (reply.status_code, reply.headers["content-type"]) == (200, BATCH_MEDIA)
    assert [event["data"] for event in reply.json()] == plain
    first = reply.json()[0]
    assert (first["specversion"], first["type"], first["subject"]) == (
        "1.0",
        "ticket.created",
        public_id("tkt", ticket.id),
    )
    rest = await client.get(reply.links["next"]["url"], headers={"Accept": BATCH_MEDIA})
    assert (rest.status_code, rest.json()) == (200, [])
