"""What holds a stream together, without a port: who is offered what, what it costs, and how a stream ends."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from helpdesk_api import wiring
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.domains.audit import following, policy
from helpdesk_api.domains.audit.errors import TooManyStreams
from helpdesk_api.domains.audit.following import Ending, Follower, LogFollowing
from helpdesk_api.domains.audit.log_events import LogEvent, events_behind, last_position
from helpdesk_api.domains.audit.queries import Question
from helpdesk_api.domains.stream.sse import EventStream
from helpdesk_api.domains.tickets import events
from helpdesk_api.domains.tickets.models import Ticket, TicketParticipant
from helpdesk_api.domains.users.events import UserUpdated
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.outbox.record import record
from helpdesk_api.outbox.relay import Relay
from tests.domains.stream.serving import until
from tests.factories.records import make_organization, make_team, make_ticket, make_user, principal_of
from tests.fixtures.clients import test_authenticator

Change = Callable[[Principal], Principal]


def nothing_changes(principal: Principal) -> Principal:
    return principal


def followed(database: Database, change: Change = nothing_changes) -> LogFollowing:
    async def authenticate(token: str, database: Database) -> Principal:
        return change(await test_authenticator(token, database))

    return LogFollowing(database, lambda: authenticate)


async def relay(database: Database) -> None:
    while await Relay(database, wiring.REACTIONS).relay_batch():
        pass


async def happen(database: Database, ticket: Ticket, *, visibility: Visibility = Visibility.PUBLIC) -> None:
    event = events.TicketUpdated(subject_id=ticket.id, ticket_id=ticket.id, ticket=ticket, visibility=visibility)
    async with database.session() as session:
        await record(session, Principal.system(), event)


async def follower_of(database: Database, user: User) -> Follower:
    found = Follower(f"test-{user.id.hex}", await principal_of(database, user), Question())
    async with database.reads() as reads:
        found.position = await last_position(reads)
    return found


async def test_the_predicate_says_what_the_statement_says(database: Database) -> None:
    organization = await make_organization(database)
    teams = [await make_team(database) for _ in range(2)]
    people = [
        await make_user(database),
        await make_user(database, organization_id=organization.id, sees_organization=True),
        await make_user(database, organization_id=organization.id),
        await make_user(database, role=Role.AGENT, teams=teams[:1]),
        await make_user(database, role=Role.AGENT, teams=teams[1:]),
        await make_user(database, role=Role.SUPERVISOR, teams=teams[:1], leads=True),
        await make_user(database, role=Role.AGENT),
        await make_user(database, role=Role.ADMIN),
    ]
    tickets = [
        await make_ticket(database, by=people[0]),
        await make_ticket(database, by=people[2]),
        await make_ticket(database, requester_id=people[0].id, team_id=teams[0].id),
        await make_ticket(database, requester_id=people[4].id, team_id=teams[0].id),
        await make_ticket(database, requester_id=people[2].id, team_id=teams[1].id, assignee_id=people[4].id),
        await make_ticket(database, team_id=teams[1].id, collaborator_ids=[people[6].id]),
    ]
    async with database.session() as session:
        session.add(
            TicketParticipant(
                ticket_id=tickets[5].id, user_id=people[0].id, added_by_id=people[7].id, added_at=clock.now()
            )
        )
        await record(session, Principal.system(), UserUpdated(subject_id=people[0].id))
    for ticket in tickets:
        await happen(database, ticket)
        await happen(database, ticket, visibility=Visibility.INTERNAL)
    await relay(database)
    async with database.reads() as reads:
        everything = await events_behind(reads, 0, 1_000)
        for person in people:
            principal = await principal_of(database, person)
            statement = (
                select(EventRow.id).outerjoin(Ticket, Ticket.id == EventRow.ticket_id).where(policy.readable(principal))
            )
            told = {row["id"] for row in await reads.fetch(statement)}
            assert {event.id for event in everything if event.may_be_read_by(principal)} == told
            assert told or person is people[6]


async def test_many_followers_cost_as_many_statements_as_one(database: Database) -> None:
    team = await make_team(database)
    agents = [await make_user(database, role=Role.AGENT, teams=[team]) for _ in range(20)]
    ticket = await make_ticket(database, team_id=team.id)
    await relay(database)
    counts = []
    for size in (1, 20):
        hub = followed(database)
        followers = [await follower_of(database, agent) for agent in agents[:size]]
        counter = StatementCount()
        token = statement_count.set(counter)
        for one in followers:
            assert hub.attach(one)
        statement_count.reset(token)
        await until(lambda hub=hub: hub._reader is not None)
        before = counter.value
        await happen(database, ticket)
        await relay(database)
        hub.wake()
        await until(lambda followers=followers: all(one.waiting for one in followers))
        counts.append(counter.value - before)
        for one in followers:
            hub.detach(one)
    assert max(counts) <= 4


async def test_a_queue_that_overflows_is_dropped_and_its_stream_ends(database: Database) -> None:
    agent = await make_user(database, role=Role.AGENT)
    ticket = await make_ticket(database)
    await relay(database)
    one = await follower_of(database, agent)
    start = one.position
    for _ in range(2):
        await happen(database, ticket)
    await relay(database)
    async with database.reads() as reads:
        found: list[LogEvent] = await events_behind(reads, start, 10)
    first, second = found[0], found[1]
    one.waiting.extend((first, None) for _ in range(following.QUEUE_LIMIT))
    one.offer(second)
    assert (one.ending, len(one.waiting)) == (Ending.SLOW, 0)
    # Nothing was sent, so who comes back starts where it stood.
    assert one.position == start


class Connection:
    """The server's side of a connection, as ASGI gives it; `blocks` takes nothing more after the first parts."""

    def __init__(self, *, takes: int | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self._takes = takes

    @property
    def text(self) -> str:
        return b"".join(part.get("body", b"") for part in self.sent).decode()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self._takes is not None and len(self.sent) >= self._takes:
            await asyncio.Event().wait()
        self.sent.append(message)


async def serve(database: Database, hub: LogFollowing, one: Follower, connection: Connection) -> None:
    stream = EventStream(database, hub, one)
    await stream({"type": "http"}, connection.receive, connection.send)


async def test_a_connection_that_takes_nothing_is_given_up(database: Database) -> None:
    agent = await make_user(database, role=Role.AGENT)
    ticket = await make_ticket(database)
    await relay(database)
    hub, one, connection = followed(database), await follower_of(database, agent), Connection(takes=2)
    task = asyncio.create_task(serve(database, hub, one, connection))
    await until(lambda: len(hub))
    await happen(database, ticket)
    await relay(database)
    hub.wake()
    await until(lambda: one.blocked_since is not None and not one.waiting)
    one.blocked_since = time.monotonic() - following.BLOCKED_SECONDS
    await asyncio.wait_for(task, 10)
    assert one.ending is Ending.SLOW
    assert len(hub) == 0


async def test_a_quiet_stream_has_a_heartbeat_that_moves_its_place(database: Database) -> None:
    agent = await make_user(database, role=Role.AGENT)
    hidden = await make_ticket(database, team_id=(await make_team(database)).id)
    await relay(database)
    hub, one, connection = followed(database), await follower_of(database, agent), Connection()
    start = one.position
    task = asyncio.create_task(serve(database, hub, one, connection))
    await until(lambda: len(hub))
    await happen(database, hidden)
    await relay(database)
    hub.wake()
    await until(lambda: hub.head > start)
    one.quiet_since = time.monotonic() - following.HEARTBEAT_SECONDS
    await until(lambda: ": heartbeat\nid: " in connection.text)
    assert one.position == hub.head
    connection.gone.set()
    await asyncio.wait_for(task, 10)
    assert (len(hub), "data:" in connection.text) == (0, False)


async def test_a_stream_ends_with_its_credential(database: Database) -> None:
    agent = await make_user(database, role=Role.AGENT)
    await relay(database)
    hub, one, connection = followed(database), await follower_of(database, agent), Connection()
    one.principal = replace(one.principal, expires_at=clock.now() - timedelta(seconds=1))
    await asyncio.wait_for(serve(database, hub, one, connection), 10)
    assert '"reason":"expired"' in connection.text
    assert connection.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_a_credential_without_the_right_any_more_ends_the_stream(database: Database) -> None:
    agent = await make_user(database, role=Role.AGENT)
    await relay(database)
    hub = followed(database, lambda principal: replace(principal, permissions=frozenset()))
    one, connection = await follower_of(database, agent), Connection()
    await asyncio.wait_for(serve(database, hub, one, connection), 10)
    assert '"reason":"rights_lost"' in connection.text


async def test_one_caller_holds_so_many_streams_and_no_more(database: Database) -> None:
    agent = await make_user(database, role=Role.AGENT)
    hub, principal = followed(database), await principal_of(database, agent)
    with ExitStack() as open_streams:
        for _ in range(following.MOST_OF_ONE_CALLER):
            open_streams.enter_context(hub.admitted(principal))
        with pytest.raises(TooManyStreams):
            open_streams.enter_context(hub.admitted(principal))
        open_streams.enter_context(hub.admitted(replace(principal, user_id=new_id())))
    with hub.admitted(principal):
        pass
