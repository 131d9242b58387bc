"""Several at once, on a database with real commits."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database.session import Database
from helpdesk_api.domains.assignments import actions
from helpdesk_api.domains.assignments.availability import set_availability
from helpdesk_api.domains.assignments.enums import Handover
from helpdesk_api.domains.assignments.models import Agent
from helpdesk_api.domains.assignments.schemas import AssignmentCreate, AvailabilityUpdate
from helpdesk_api.domains.tickets.actions import start_ticket
from helpdesk_api.domains.tickets.errors import TicketAlreadyAssigned
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import lock_visible
from helpdesk_api.installation import install_wiring
from helpdesk_api.outbox.models import EventRow
from tests.domains.assignments.desk import after_commit, loads, loads_by_tickets
from tests.factories.records import make_team, make_ticket, make_user, principal_of


@pytest.fixture(autouse=True)
def _wired(settings: Settings) -> None:
    install_wiring(settings)


async def limit(database: Database, members: Sequence[Any], **values: Any) -> None:
    async with database.session() as session:
        for member in members:
            agent = await session.get_one(Agent, member.id)
            for name, value in values.items():
                setattr(agent, name, value)


async def assignees(database: Database) -> list[Any]:
    async with database.reads() as reads:
        return [row["assignee_id"] for row in await reads.fetch(select(Ticket.assignee_id))]


async def test_sixteen_at_once_are_spread_evenly(own_database: Database) -> None:
    team = await make_team(own_database)
    members = [await make_user(own_database, role=Role.AGENT, teams=[team]) for _ in range(4)]
    opener = await make_user(own_database, role=Role.ADMIN)
    opened = await asyncio.gather(*[make_ticket(own_database, by=opener, team_id=team.id) for _ in range(16)])
    assert len({ticket.reference for ticket in opened}) == 16
    assert await loads(own_database) == {member.id: (4, 4) for member in members}
    assert await loads_by_tickets(own_database) == await loads(own_database)


async def test_sixteen_at_once_never_pass_a_limit(own_database: Database) -> None:
    team = await make_team(own_database)
    members = [await make_user(own_database, role=Role.AGENT, teams=[team]) for _ in range(3)]
    await limit(own_database, members, open_limit=3)
    opener = await make_user(own_database, role=Role.ADMIN)
    opened = await asyncio.gather(*[make_ticket(own_database, by=opener, team_id=team.id) for _ in range(16)])
    counted = Counter(await assignees(own_database))
    assert [counted[member.id] for member in members] == [3, 3, 3]
    assert counted[None] == 7
    assert sum(ticket.awaits_member for ticket in opened) == 7
    assert await loads(own_database) == {member.id: (3, 3) for member in members}


async def test_people_of_two_teams_are_neither_overloaded_nor_waited_for_in_a_circle(own_database: Database) -> None:
    teams = [await make_team(own_database) for _ in range(2)]
    members = [await make_user(own_database, role=Role.AGENT, teams=teams) for _ in range(4)]
    await limit(own_database, members, open_limit=4)
    opener = await make_user(own_database, role=Role.ADMIN)
    await asyncio.gather(*[make_ticket(own_database, by=opener, team_id=teams[number % 2].id) for number in range(16)])
    assert await loads(own_database) == {member.id: (4, 4) for member in members}


@pytest.mark.parametrize("by_starting", [False, True])
async def test_of_two_takers_one_wins_and_the_other_is_told_who(own_database: Database, by_starting: bool) -> None:
    team = await make_team(own_database, auto_assign=False)
    takers = [await make_user(own_database, role=Role.AGENT, teams=[team]) for _ in range(8)]
    ticket = await make_ticket(own_database, team_id=team.id)
    # Without it the first could be done before the others have a connection.
    together = asyncio.Barrier(len(takers))

    async def take(taker: Any) -> str:
        principal = await principal_of(own_database, taker)
        try:
            async with own_database.session() as session:
                await session.execute(select(1))
                await together.wait()
                found, _ = await lock_visible(session, principal, ticket.reference)
                if by_starting:
                    await start_ticket(session, principal, found)
                    return "won"
                body = AssignmentCreate(assignee_id="me")
                await actions.assign_ticket(session, own_database, principal, found, body)
        except TicketAlreadyAssigned as refusal:
            return str(refusal.params["assignee_name"])
        return "won"

    outcomes = await asyncio.gather(*[take(taker) for taker in takers])
    assert outcomes.count("won") == 1
    winner = takers[outcomes.index("won")]
    assert [outcome for outcome in outcomes if outcome != "won"] == [winner.name] * 7
    assert await loads(own_database) == {winner.id: (1, 1)}


@pytest.mark.parametrize(("each_at_most", "given_in_all"), [(3, 9), (None, 10)])
async def test_several_workers_give_each_waiting_ticket_once(
    own_database: Database, each_at_most: int | None, given_in_all: int
) -> None:
    team = await make_team(own_database)
    members = [await make_user(own_database, role=Role.AGENT, teams=[team]) for _ in range(3)]
    await limit(own_database, members, is_available=False)
    opener = await make_user(own_database, role=Role.ADMIN)
    for _ in range(10):
        await make_ticket(own_database, by=opener, team_id=team.id)
    await limit(own_database, members, is_available=True, open_limit=each_at_most)

    async def serve() -> int:
        async with own_database.session() as session:
            return await actions.assign_waiting(session, team.id)

    given = await asyncio.gather(*[serve() for _ in range(6)])
    await after_commit(own_database)
    # Whoever found a ticket held by another worker left it; the last word is the next run's.
    given.append(await serve())
    assert sum(given) == given_in_all
    counted = Counter(await assignees(own_database))
    assert counted[None] == 10 - given_in_all
    assert max(counted[member.id] for member in members) - min(counted[member.id] for member in members) <= 1
    async with own_database.reads() as reads:
        events = await reads.fetch_value(
            select(func.count()).select_from(EventRow).where(EventRow.type == "ticket.assigned")
        )
    assert events == given_in_all
    assert await loads(own_database) == await loads_by_tickets(own_database)


async def test_two_tickets_that_change_places_between_two_teams_do_not_wait_for_each_other(
    own_database: Database,
) -> None:
    teams = [await make_team(own_database) for _ in range(2)]
    members = [await make_user(own_database, role=Role.AGENT, teams=[team]) for team in (*teams, *teams)]
    opener = await make_user(own_database, role=Role.ADMIN)
    principal = await principal_of(own_database, opener)
    for _ in range(4):
        tickets = [
            await make_ticket(own_database, by=opener, team_id=team.id, assignee_id=member.id)
            for team, member in zip(teams, members, strict=False)
        ]
        together = asyncio.Barrier(2)

        async def move(ticket: Any, team: Any, together: asyncio.Barrier = together) -> None:
            async with own_database.session() as session:
                found, _ = await lock_visible(session, principal, ticket.reference)
                await together.wait()
                await actions.assign_ticket(session, own_database, principal, found, AssignmentCreate(team_id=team.id))

        await asyncio.gather(*map(move, tickets, reversed(teams)))
    assert await loads(own_database) == await loads_by_tickets(own_database)
    assert sum(count for _, count in (await loads(own_database)).values()) == 8


async def test_a_taker_against_a_hand_over_and_neither_loses_a_ticket(own_database: Database) -> None:
    team = await make_team(own_database)
    leaving, taker, _ = [await make_user(own_database, role=Role.AGENT, teams=[team]) for _ in range(3)]
    opener = await make_user(own_database, role=Role.ADMIN)
    tickets = [await make_ticket(own_database, by=opener, team_id=team.id, assignee_id=leaving.id) for _ in range(6)]
    away = AvailabilityUpdate(is_available=False, handover=Handover.PERFORM)

    async def goes() -> None:
        principal = await principal_of(own_database, leaving)
        async with own_database.session() as session:
            await set_availability(session, own_database, principal, leaving.id, away)

    async def take(ticket: Any) -> None:
        principal = await principal_of(own_database, taker)
        with suppress(TicketAlreadyAssigned):
            async with own_database.session() as session:
                found, _ = await lock_visible(session, principal, ticket.reference)
                body = AssignmentCreate(assignee_id="me", replace=ticket is not tickets[0])
                await actions.assign_ticket(session, own_database, principal, found, body)

    await asyncio.gather(*map(take, tickets[:3]), goes(), *map(take, tickets[3:]))
    await after_commit(own_database)
    held = await assignees(own_database)
    assert leaving.id not in held
    assert None not in held
    assert await loads(own_database) == await loads_by_tickets(own_database)
