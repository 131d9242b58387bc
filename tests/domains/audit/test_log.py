"""The event log: complete, in one order, and for each reader what they may read."""

import asyncio
from typing import Any

import httpx
import pytest

from helpdesk_api import wiring
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.audit import queries
from helpdesk_api.domains.tickets import events
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.users.events import UserUpdated
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.pending import write_pending
from helpdesk_api.outbox.record import record
from helpdesk_api.outbox.relay import Relay
from tests.factories.records import Make
from tests.fixtures.clients import AsUser


async def relay(database: Database) -> None:
    while await Relay(database, wiring.REACTIONS).relay_batch():
        pass


async def happen(database: Database, ticket: Ticket, *, visibility: Visibility = Visibility.PUBLIC) -> str:
    event = events.TicketUpdated(subject_id=ticket.id, ticket_id=ticket.id, ticket=ticket, visibility=visibility)
    async with database.session() as session:
        return public_id("evt", (await record(session, Principal.system(), event)).id)


async def read(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    reply = await client.get(f"/v1/events?{query}")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [event["id"] for event in found["data"]]


@pytest.fixture
async def rita(a_user: Make) -> User:
    user: User = await a_user()
    return user


@pytest.fixture
async def ticket(a_ticket: Make, rita: User, database: Database) -> Ticket:
    made: Ticket = await a_ticket(by=rita)
    await relay(database)
    return made


async def test_only_numbered_events_are_in_the_log(
    database: Database, ticket: Ticket, admin_client: httpx.AsyncClient
) -> None:
    start = (await read(admin_client))["complete_through"]
    new = await happen(database, ticket)
    assert ids(await read(admin_client, f"after={start}")) == []
    unread = await admin_client.get(f"/v1/events/{new}")
    assert (unread.status_code, unread.json()["code"]) == (404, "event_not_found")
    await relay(database)
    found = await read(admin_client, f"after={start}")
    assert ids(found) == [new]
    single = await admin_client.get(f"/v1/events/{new}")
    assert single.json() == found["data"][0]
    held = {"If-None-Match": single.headers["etag"]}
    assert (await admin_client.get(f"/v1/events/{new}", headers=held)).status_code == 304
    assert ids(await read(admin_client, f"after={found['complete_through']}")) == []


async def test_a_reader_in_steps_misses_and_repeats_nothing(
    database: Database, ticket: Ticket, admin_client: httpx.AsyncClient
) -> None:
    token = (await read(admin_client))["complete_through"]
    expected = [await happen(database, ticket) for _ in range(7)]
    await relay(database)
    found: list[str] = []
    for _ in range(5):
        page = await read(admin_client, f"after={token}&limit=3")
        assert (page["next_cursor"] is not None) == (len(found) + len(page["data"]) < len(expected))
        found += ids(page)
        token = page["complete_through"]
    assert found == expected


async def test_overlapping_transactions_lose_no_event_to_a_reader(own_database: Database) -> None:
    admin, subject = Principal.system(), new_id()
    written, commit = asyncio.Event(), asyncio.Event()

    def update() -> UserUpdated:
        return UserUpdated(subject_id=subject)

    async def slow() -> None:
        async with own_database.session() as session:
            await record(session, admin, update())
            await write_pending(session)
            written.set()
            await commit.wait()

    async def seen(start: int) -> queries.Stretch:
        async with own_database.reads() as reads:
            return await queries.read_log(reads, admin, queries.Question(), start, limit=50)

    late = asyncio.create_task(slow())
    await written.wait()
    async with own_database.session() as session:
        quick = (await record(session, admin, update())).id
    await relay(own_database)
    first = await seen(0)
    assert [row["id"] for row in first.rows] == [quick]
    commit.set()
    await late
    await relay(own_database)
    second = await seen(first.reached)
    assert len(second.rows) == 1
    assert second.rows[0]["id"] != quick


async def test_each_reader_gets_what_they_may_read(
    database: Database, ticket: Ticket, rita: User, a_user: Make, as_user: AsUser
) -> None:
    public, internal = await happen(database, ticket), await happen(database, ticket, visibility=Visibility.INTERNAL)
    async with database.session() as session:
        about_user = public_id("evt", (await record(session, Principal.system(), UserUpdated(subject_id=rita.id))).id)
    await relay(database)
    expected = {
        rita: {public},
        await a_user(role=Role.AGENT): {public, internal},
        await a_user(role=Role.ADMIN): {public, internal, about_user},
        await a_user(): set(),
    }
    for reader, visible in expected.items():
        client = as_user(reader)
        listed = set(ids(await read(client, "limit=200")))
        for event in (public, internal, about_user):
            assert (event in listed) == (event in visible)
            single = await client.get(f"/v1/events/{event}")
            assert single.status_code == (200 if event in visible else 404)
    shown = (await read(as_user(rita), "type=ticket.updated"))["data"]
    assert [(event["internal_changes"], event["internal_details"]) for event in shown] == [(None, None)]


async def test_internal_events_leave_no_trace_in_a_requesters_cursor(
    database: Database, ticket: Ticket, rita: User, as_user: AsUser
) -> None:
    client = as_user(rita)
    before = (await read(client))["complete_through"]
    for _ in range(30):
        await happen(database, ticket, visibility=Visibility.INTERNAL)
    await relay(database)
    after = (await read(client, f"after={before}"))["complete_through"]
    assert len(before) == len(after)
    assert before != after


async def test_filters(database: Database, ticket: Ticket, a_ticket: Make, admin_client: httpx.AsyncClient) -> None:
    other = await a_ticket()
    mine = await happen(database, ticket)
    await relay(database)
    assert ids(await read(admin_client, f"ticket_id={public_id('tkt', ticket.id)}&type=ticket.updated")) == [mine]
    both = await read(admin_client, "type=ticket.created,ticket.updated&limit=200")
    assert {event["type"] for event in both["data"]} == {"ticket.created", "ticket.updated"}
    assert public_id("tkt", other.id) in {event["ticket_id"] for event in both["data"]}


async def test_a_cursor_of_other_filters_or_another_reader_is_foreign(
    ticket: Ticket, admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    del ticket
    token = (await read(admin_client))["complete_through"]
    for client, query in (
        (admin_client, f"after={token}&type=ticket.created"),
        (agent_client, f"after={token}"),
        (admin_client, "after=nonsense"),
    ):
        reply = await client.get(f"/v1/events?{query}")
        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_cursor")
        assert reply.json()["errors"][0]["parameter"] == "after"
