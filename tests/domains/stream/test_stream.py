"""The live stream on a real port: in order, without a gap, and for each caller what they may read."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from helpdesk_api import wiring
from helpdesk_api.authorization import grants
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.config import Settings
from helpdesk_api.database import cache, clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets import events
from helpdesk_api.domains.tickets.actions import apply
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import lock_visible
from helpdesk_api.domains.users.models import User
from helpdesk_api.domains.views.enums import ViewScope
from helpdesk_api.domains.views.models import View
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.pending import write_pending
from helpdesk_api.outbox.record import record
from helpdesk_api.outbox.relay import Relay
from tests.domains.stream.serving import Reading, Serving, reading, serving, until
from tests.factories.records import make_team, make_ticket, make_user
from tests.fixtures.secret_keys import another_secret_key


@pytest.fixture
async def one(settings: Settings, own_database: Database) -> AsyncIterator[Serving]:
    async with serving(settings, own_database.url) as found:
        yield found


async def relay(database: Database) -> None:
    while await Relay(database, wiring.REACTIONS).relay_batch():
        pass


async def happen(database: Database, ticket: Ticket, *, visibility: Visibility = Visibility.PUBLIC) -> str:
    event = events.TicketUpdated(subject_id=ticket.id, ticket_id=ticket.id, ticket=ticket, visibility=visibility)
    async with database.session() as session:
        return public_id("evt", (await record(session, Principal.system(), event)).id)


async def change(database: Database, ticket: Ticket, **values: Any) -> None:
    async with database.session() as session:
        held, _ = await lock_visible(session, Principal.system(), public_id("tkt", ticket.id))
        await apply(session, Principal.system(), held, events.TicketUpdated, values)


async def test_each_caller_gets_what_they_may_read_in_order(one: Serving, own_database: Database) -> None:
    team, other = await make_team(own_database), await make_team(own_database)
    rita, stranger = await make_user(own_database), await make_user(own_database)
    anna = await make_user(own_database, role=Role.AGENT, teams=[team])
    outsider = await make_user(own_database, role=Role.AGENT, teams=[other])
    admin = await make_user(own_database, role=Role.ADMIN)
    ticket = await make_ticket(own_database, requester_id=rita.id, team_id=team.id)
    await relay(own_database)
    async with (
        reading(one.url, rita) as of_rita,
        reading(one.url, stranger) as of_stranger,
        reading(one.url, anna) as of_anna,
        reading(one.url, outsider) as of_outsider,
        reading(one.url, admin) as of_admin,
    ):
        public = await happen(own_database, ticket)
        internal = await happen(own_database, ticket, visibility=Visibility.INTERNAL)
        last = await happen(own_database, ticket)
        await relay(own_database)
        for found, expected in (
            (of_admin, [public, internal, last]),
            (of_anna, [public, internal, last]),
            (of_rita, [public, last]),
        ):
            await until(lambda found=found, expected=expected: len(found.ids) >= len(expected))
            assert found.ids == expected
        assert (of_stranger.ids, of_outsider.ids) == ([], [])
    numbers = [event["sequence"] for event in of_admin.events]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert [event["sequence"] for event in of_anna.events] == [None] * 3
    assert [event["internal_changes"] for event in of_rita.events] == [None] * 2
    # The same bodies as the pull has them.
    async with httpx.AsyncClient(base_url=one.url, headers={"Authorization": f"Bearer test-{rita.id.hex}"}) as client:
        pulled = (await client.get("/v1/events?type=ticket.updated")).json()["data"]
    assert pulled == of_rita.events


async def test_filters_by_type_and_ticket(one: Serving, own_database: Database) -> None:
    admin = await make_user(own_database, role=Role.ADMIN)
    ticket = await make_ticket(own_database)
    await relay(own_database)
    async with (
        reading(one.url, admin, "type=ticket.created") as created,
        reading(one.url, admin, f"ticket_id={public_id('tkt', ticket.id)}") as mine,
        reading(one.url, admin) as everything,
    ):
        updated = await happen(own_database, ticket)
        new = await make_ticket(own_database)
        await relay(own_database)
        await until(lambda: created.ids and mine.ids)
        await until(lambda: set(created.ids + mine.ids) <= set(everything.ids))
    assert [event["ticket_id"] for event in created.events] == [public_id("tkt", new.id)]
    assert mine.ids == [updated]


async def test_a_view_is_entered_and_left(one: Serving, own_database: Database) -> None:
    agent = await make_user(own_database, role=Role.AGENT)
    inside, outside = await make_ticket(own_database, tags=["vip"]), await make_ticket(own_database)
    view = View(
        id=new_id(),
        name="VIP",
        scope=ViewScope.PERSONAL,
        owner_id=agent.id,
        conditions={"field": "tags", "op": "contains", "value": "vip"},
        columns=[],
        created_at=clock.now(),
        updated_at=clock.now(),
    )
    async with own_database.session() as session:
        session.add(view)
    await relay(own_database)
    async with reading(one.url, agent, f"view_id={public_id('vie', view.id)}") as found:
        await change(own_database, outside, subject="Nobody asked")
        await change(own_database, inside, subject="Still in")
        await change(own_database, inside, tags=[])
        await change(own_database, outside, tags=["vip"])
        await relay(own_database)
        await until(lambda: len(found.events) >= 3)
    assert [(message.event, message.data.get("in_view")) for message in found.messages] == [
        ("view", True),
        ("message", None),
        ("view", False),
        ("message", None),
        ("view", True),
        ("message", None),
    ]
    assert [event["changes"][0]["field"] for event in found.events] == ["subject", "tags", "tags"]
    assert found.events[2]["ticket_id"] == public_id("tkt", outside.id)


async def test_rights_lost_while_connected(one: Serving, own_database: Database) -> None:
    team = await make_team(own_database)
    anna = await make_user(own_database, role=Role.AGENT, teams=[team])
    ticket = await make_ticket(own_database, team_id=team.id)
    await relay(own_database)
    async with reading(one.url, anna) as found:
        before = await happen(own_database, ticket)
        await relay(own_database)
        await until(lambda: found.ids)
        async with own_database.session() as session:
            held = await session.get_one(User, anna.id)
            held.role = Role.REQUESTER
            await cache.invalidate(session, grants.CACHE, anna.id.hex)
        await happen(own_database, ticket)
        await relay(own_database)
        async with own_database.session() as session:
            held = await session.get_one(User, anna.id)
            held.deactivated_at = clock.now()
            await cache.invalidate(session, grants.CACHE, anna.id.hex)
        await until(lambda: found.end is not None)
    assert found.ids == [before]
    assert found.end is not None
    assert (found.end["reason"], found.end["resume"]) == ("rights_lost", "after_sign_in")


class Chaos:
    """Writers whose transactions overlap, a relay, and readers who drop at random and go on at another process."""

    def __init__(self, database: Database, urls: list[str]) -> None:
        self._database, self._urls = database, urls
        self._random = random.Random(20261126)
        self.written: list[tuple[str, Visibility]] = []

    async def write(self, number: int, ticket: Ticket) -> None:
        for turn in range(25):
            visibility = Visibility.INTERNAL if (number + turn) % 3 == 0 else Visibility.PUBLIC
            event = events.TicketUpdated(
                subject_id=ticket.id, ticket_id=ticket.id, ticket=ticket, visibility=visibility
            )
            with suppress(RuntimeError):
                async with self._database.session() as session:
                    row = await record(session, Principal.system(), event)
                    await write_pending(session)
                    await asyncio.sleep(self._random.uniform(0, 0.03))
                    if turn % 5 == 4:
                        message = "rolled back"
                        raise RuntimeError(message)
                self.written.append((public_id("evt", row.id), visibility))

    async def relay(self) -> None:
        while True:
            await relay(self._database)
            await asyncio.sleep(0.005)

    async def follow(self, user: User, found: Reading) -> None:
        while True:
            task = asyncio.create_task(found.read(self._random.choice(self._urls), user, "type=ticket.updated"))
            try:
                await asyncio.wait([task], timeout=self._random.uniform(0.05, 0.6))
            finally:
                task.cancel()
            # Not by awaiting the task itself: whoever cancels this one in that moment must not be taken for its end.
            await asyncio.wait([task])
            if not task.cancelled() and not isinstance(task.exception(), httpx.HTTPError):
                task.result()


async def test_no_event_is_lost_or_repeated_however_readers_drop_and_writers_overlap(
    settings: Settings, own_database: Database
) -> None:
    admin, rita = await make_user(own_database, role=Role.ADMIN), await make_user(own_database)
    tickets = [await make_ticket(own_database, by=rita) for _ in range(4)]
    await relay(own_database)
    readers: list[tuple[User, Reading]] = []
    async with serving(settings, own_database.url) as first, serving(settings, own_database.url) as second:
        for user in (admin, admin, rita, rita):
            signed_in = {"Authorization": f"Bearer test-{user.id.hex}"}
            async with httpx.AsyncClient(base_url=first.url, headers=signed_in) as client:
                reply = await client.get("/v1/events?type=ticket.updated")
            readers.append((user, Reading(last_id=reply.json()["complete_through"])))
        chaos = Chaos(own_database, [first.url, second.url])
        running = [asyncio.create_task(chaos.follow(*reader)) for reader in readers]
        running.append(asyncio.create_task(chaos.relay()))
        try:
            await asyncio.gather(*(chaos.write(number, ticket) for number, ticket in enumerate(tickets)))
            public = {event for event, visibility in chaos.written if visibility is Visibility.PUBLIC}
            expected = {admin.id: {event for event, _ in chaos.written}, rita.id: public}
            await until(lambda: all(expected[user.id] <= set(found.ids) for user, found in readers), seconds=60)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
    assert len(chaos.written) == 80
    for user, found in readers:
        assert set(found.ids) == expected[user.id]
        assert len(found.ids) == len(expected[user.id])
    assert readers[0][1].ids == readers[1][1].ids
    assert readers[2][1].ids == readers[3][1].ids


async def test_a_ticket_opens_one_stream_once(one: Serving, own_database: Database) -> None:
    rita = await make_user(own_database)
    ticket = await make_ticket(own_database, by=rita)
    await relay(own_database)
    async with httpx.AsyncClient(base_url=one.url, headers={"Authorization": f"Bearer test-{rita.id.hex}"}) as client:
        reply = await client.post("/v1/events/stream-tickets")
    assert (reply.status_code, reply.headers["cache-control"]) == (201, "no-store")
    stream_ticket = reply.json()["stream_ticket"]
    async with reading(one.url, None, f"stream_ticket={stream_ticket}") as found:
        event = await happen(own_database, ticket)
        await relay(own_database)
        await until(lambda: found.ids)
    assert found.ids == [event]
    again = Reading()
    assert await again.read(one.url, None, f"stream_ticket={stream_ticket}") == 401
    assert again.messages[0].data["code"] == "invalid_stream_ticket"
    assert await Reading().read(one.url, None) == 401


async def test_a_stopping_process_sends_its_readers_on(settings: Settings, own_database: Database) -> None:
    admin = await make_user(own_database, role=Role.ADMIN)
    ticket = await make_ticket(own_database)
    await relay(own_database)
    async with serving(settings, own_database.url) as first, serving(settings, own_database.url) as second:
        async with reading(first.url, admin) as found:
            seen = await happen(own_database, ticket)
            await relay(own_database)
            await until(lambda: found.ids)
            first.server.should_exit = True
            await until(lambda: found.end is not None)
        assert found.end is not None
        assert (found.end["reason"], found.end["resume"]) == ("shutdown", "now")
        # Both share this test's process, and the first has said that it listens no more.
        await until(lambda: not cache.is_listening())
        cache.set_listening(listening=True)
        missed = await happen(own_database, ticket)
        await relay(own_database)
        async with reading(second.url, admin, f"after={found.end['after']}") as rest:
            await until(lambda: rest.ids)
    assert (found.ids, rest.ids) == ([seen], [missed])


async def test_a_foreign_place_is_refused(one: Serving, own_database: Database) -> None:
    admin, agent = await make_user(own_database, role=Role.ADMIN), await make_user(own_database, role=Role.AGENT)
    async with httpx.AsyncClient(base_url=one.url, headers={"Authorization": f"Bearer test-{admin.id.hex}"}) as client:
        token = (await client.get("/v1/events")).json()["complete_through"]
    for user, query, headers, parameter in (
        (agent, f"after={token}", {}, "after"),
        (admin, f"after={token}&type=ticket.created", {}, "after"),
        (admin, "", {"Last-Event-ID": "nonsense"}, "Last-Event-ID"),
    ):
        found = Reading()
        assert await found.read(one.url, user, query, headers=headers) == 400
        problem = found.messages[0].data
        assert (problem["code"], problem["errors"][0]["parameter"]) == ("invalid_cursor", parameter)


async def test_a_ticket_of_another_secret_key_opens_nothing(one: Serving, own_database: Database) -> None:
    rita = await make_user(own_database)
    async with httpx.AsyncClient(base_url=one.url, headers={"Authorization": f"Bearer test-{rita.id.hex}"}) as client:
        stream_ticket = (await client.post("/v1/events/stream-tickets")).json()["stream_ticket"]
    with another_secret_key():
        refused = Reading()
        assert await refused.read(one.url, None, f"stream_ticket={stream_ticket}") == 401
    assert refused.messages[0].data["code"] == "invalid_stream_ticket"
