"""Coming and going, hand-overs, and the next free member."""

import asyncio
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import delete, func, select, update

from helpdesk_api import wiring
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.assignments.jobs import END_ABSENCES, SERVE_EVERY_TEAM
from helpdesk_api.domains.assignments.models import Agent
from helpdesk_api.domains.assignments.roster import recount_loads
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.web.schemas import instant_text
from tests.domains.assignments.desk import (
    after_commit,
    loads,
    loads_by_tickets,
    open_ticket,
    refused,
    steps_of,
    tea,
    usr,
)
from tests.factories.records import Make
from tests.fixtures.clients import AsUser


async def set_availability(client: httpx.AsyncClient, user: Any, **body: Any) -> dict[str, Any]:
    reply = await client.put(f"/v1/agents/{usr(user)}/availability", json=body)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


async def assignee_of(client: httpx.AsyncClient, ticket: dict[str, Any]) -> str | None:
    found: str | None = (await client.get(f"/v1/tickets/{ticket['id']}")).json()["assignee_id"]
    return found


class TestRights:
    async def test_ones_own_a_leads_members_and_everybodys_by_an_admin(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, as_user: AsUser
    ) -> None:
        team = await a_team()
        agent = await a_user(role=Role.AGENT, teams=[team])
        lead = await a_user(role=Role.SUPERVISOR, teams=[team], leads=True)
        for client in (as_user(agent), as_user(lead), admin_client):
            await set_availability(client, agent, is_available=True)
        other_lead = await a_user(role=Role.SUPERVISOR, teams=[await a_team()], leads=True)
        colleague = await a_user(role=Role.AGENT, teams=[team])
        for stranger in (other_lead, colleague):
            reply = await as_user(stranger).put(f"/v1/agents/{usr(agent)}/availability", json={"is_available": True})
            refused(reply, 403, "availability_forbidden")

    async def test_of_two_who_set_it_at_once_one_is_told(
        self, admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, a_user: Make
    ) -> None:
        path = f"/v1/agents/{usr(await a_user(role=Role.AGENT))}/availability"
        read = await admin_client.get(path)
        assert read.json()["is_available"] is True
        held = {"If-Match": read.headers["etag"]}
        bodies = [{"is_available": True, "open_limit": limit} for limit in (3, 4)]
        replies = await asyncio.gather(*(admin_client.put(path, json=body, headers=held) for body in bodies))
        assert sorted(reply.status_code for reply in replies) == [200, 412]
        won = next(reply for reply in replies if reply.status_code == 200)
        again = await admin_client.get(path, headers={"If-None-Match": held["If-Match"]})
        assert again.json()["open_limit"] == won.json()["open_limit"]
        assert again.headers["etag"].partition("-")[0] == won.headers["etag"].partition("-")[0]
        refused(await requester_client.get(path), 403, "missing_scope")

    async def test_the_etag_is_the_same_in_whatever_zone_the_return_was_written(
        self, admin_client: httpx.AsyncClient, a_user: Make
    ) -> None:
        path = f"/v1/agents/{usr(await a_user(role=Role.AGENT))}/availability"
        with clock.frozen(clock.now()) as moment:
            back = (moment.at + timedelta(hours=1)).astimezone(ZoneInfo("Asia/Kolkata"))
            body = {"is_available": False, "away_until": back.isoformat()}
            put = await admin_client.put(path, json=body)
            assert put.json()["away_until"] == (await admin_client.get(path)).json()["away_until"]
            etag = put.headers["etag"]
            held = {"If-None-Match": (await admin_client.get(path)).headers["etag"]}
            assert held["If-None-Match"].partition("-")[0] == etag.partition("-")[0]
            assert (await admin_client.get(path, headers=held)).status_code == 304
            moment.advance(hours=1)
            assert (await admin_client.get(path, headers=held)).json()["is_available"] is True
            stale = await admin_client.put(path, json={"is_available": False}, headers={"If-Match": etag})
            refused(stale, 412, "precondition_failed")

    async def test_nobody_sets_what_is_no_agents(self, admin_client: httpx.AsyncClient, a_user: Make) -> None:
        requester = await a_user()
        for user_id in (usr(requester), f"usr_{'0' * 32}"):
            reply = await admin_client.put(f"/v1/agents/{user_id}/availability", json={"is_available": True})
            refused(reply, 404, "agent_not_found")

    async def test_a_return_lies_ahead_and_belongs_to_an_absence(
        self, admin_client: httpx.AsyncClient, a_user: Make
    ) -> None:
        url = f"/v1/agents/{usr(await a_user(role=Role.AGENT))}/availability"
        past, ahead = (instant_text(clock.now() + timedelta(hours=hours)) for hours in (-1, 1))
        reply = await admin_client.put(url, json={"is_available": False, "away_until": past})
        refused(reply, 422, "return_in_past", "#/away_until")
        reply = await admin_client.put(url, json={"is_available": True, "away_until": ahead})
        refused(reply, 422, "return_without_absence", "#/away_until")
        for handover in ("offer", "perform"):
            reply = await admin_client.put(url, json={"is_available": True, "handover": handover})
            refused(reply, 422, "handover_without_absence", "#/handover")


class TestNextFree:
    async def test_what_was_resolved_while_it_waited_waits_again_when_it_reopens(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        await set_availability(admin_client, member, is_available=False)
        ticket = await open_ticket(admin_client, team_id=tea(team))
        path = f"/v1/tickets/{ticket['id']}"
        done = {"resolution_code": "fixed", "resolution_text": "Done."}
        for taker in (None, usr(member)):
            assert (await admin_client.post(f"{path}/resolve", json=done)).json()["awaits_member"] is False
            again = (await admin_client.post(f"{path}/reopen", json={"reason": "It is back."})).json()
            assert (again["status"], again["awaits_member"]) == ("open", True)
            # The second time there is somebody, whom nothing has just freed.
            if taker is not None:
                async with database.session() as session:
                    await session.execute(update(Agent).values(is_available=True))
            await after_commit(database)
            assert await assignee_of(admin_client, ticket) == taker

    async def test_who_resolves_a_ticket_gets_the_most_urgent_and_oldest_waiting_one(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        await set_availability(admin_client, member, is_available=True, open_limit=1)
        first = await open_ticket(admin_client, team_id=tea(team))
        small = await open_ticket(admin_client, team_id=tea(team))
        urgent = await open_ticket(admin_client, team_id=tea(team), impact="high", urgency="high")
        assert [one["awaits_member"] for one in (first, small, urgent)] == [False, True, True]
        for done, following in ((first, urgent), (urgent, small)):
            body = {"resolution_code": "fixed", "resolution_text": "Done."}
            assert (await admin_client.post(f"/v1/tickets/{done['id']}/resolve", json=body)).status_code == 200
            await after_commit(database)
            assert await assignee_of(admin_client, following) == usr(member)
        assert await loads(database) == {member.id: (1, 1)} == await loads_by_tickets(database)
        assert (await steps_of(admin_client, urgent))[-1] == ("assignee", "next_free", usr(member))
        last = (await admin_client.get(f"/v1/tickets/{urgent['id']}/assignments")).json()["data"][-1]
        assert (last["actor_kind"], last["actor_name"]) == ("system", None)
        assert last["cause_event_id"] is not None

    async def test_coming_back_a_raised_limit_and_a_new_member_serve_the_waiting(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        await set_availability(admin_client, member, is_available=False)
        waiting = [await open_ticket(admin_client, team_id=tea(team)) for _ in range(3)]
        await set_availability(admin_client, member, is_available=True, open_limit=1)
        await after_commit(database)
        await set_availability(admin_client, member, is_available=True, open_limit=2)
        await after_commit(database)
        assert await loads(database) == {member.id: (2, 2)}
        joining = await a_user(role=Role.AGENT)
        reply = await admin_client.put(f"/v1/teams/{tea(team)}/members/{usr(joining)}", json={"is_lead": False})
        assert reply.status_code in {200, 204}, reply.text
        await after_commit(database)
        assert [await assignee_of(admin_client, one) for one in waiting] == [usr(member), usr(member), usr(joining)]

    async def test_an_absence_ends_by_itself(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        with clock.frozen(clock.now()) as moment:
            back = moment.at + timedelta(hours=1)
            await set_availability(admin_client, member, is_available=False, away_until=instant_text(back))
            waiting = await open_ticket(admin_client, team_id=tea(team))
            await run_job(database, END_ABSENCES)
            assert await assignee_of(admin_client, waiting) is None
            moment.advance(hours=1)
            # Whoever looks sees them back before the job has noted it.
            assert (await admin_client.get(f"/v1/agents/{usr(member)}/workload")).json()["is_available"] is True
            at_once = await open_ticket(admin_client, team_id=tea(team))
            assert at_once["assignee_id"] == usr(member)
            await run_job(database, END_ABSENCES)
            assert await assignee_of(admin_client, waiting) == usr(member)

    async def test_what_was_passed_over_is_tried_again_each_minute(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_ticket: Make, a_user: Make, database: Database
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        ticket = await a_ticket(assignee_id=None, team_id=None, subject="Left behind")
        async with database.session() as session:
            left = update(Ticket).where(Ticket.id == ticket.id).values(team_id=team.id, awaits_member=True)
            await session.execute(left)
        await run_job(database, SERVE_EVERY_TEAM)
        assert await assignee_of(admin_client, {"id": f"tkt_{ticket.id.hex}"}) == usr(member)


async def run_job(database: Database, name: str) -> None:
    async with database.session() as session:
        await wiring.JOBS[name](session, {})
    await after_commit(database)


class TestHandover:
    async def test_an_offer_shows_who_would_take_what_and_moves_nothing(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make
    ) -> None:
        team = await a_team()
        leaving = await a_user(role=Role.AGENT, teams=[team])
        tickets = [await open_ticket(admin_client, team_id=tea(team)) for _ in range(2)]
        staying = await a_user(role=Role.AGENT, teams=[team])
        offer = await set_availability(admin_client, leaving, is_available=False, handover="offer")
        assert {(row["ticket_id"], row["assignee_id"]) for row in offer["tickets"]} == {
            (one["id"], usr(staying)) for one in tickets
        }
        assert (offer["handover"], offer["has_more"]) == ("offer", False)
        assert [await assignee_of(admin_client, one) for one in tickets] == [usr(leaving)] * 2

    async def test_performing_moves_them_and_leaves_the_rest_waiting(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
    ) -> None:
        team = await a_team()
        leaving = await a_user(role=Role.AGENT, teams=[team])
        small = await open_ticket(admin_client, team_id=tea(team))
        urgent = await open_ticket(admin_client, team_id=tea(team), impact="high", urgency="high")
        staying = await a_user(role=Role.AGENT, teams=[team])
        await set_availability(admin_client, staying, is_available=True, open_limit=1)
        done = await set_availability(admin_client, leaving, is_available=False, handover="perform")
        assert [(row["ticket_id"], row["assignee_id"]) for row in done["tickets"]] == [
            (urgent["id"], usr(staying)),
            (small["id"], None),
        ]
        assert await loads(database) == {staying.id: (8, 1)} == await loads_by_tickets(database)
        assert (await steps_of(admin_client, urgent))[-1] == ("assignee", "handover", usr(staying))
        assert (await admin_client.get(f"/v1/tickets/{small['id']}")).json()["awaits_member"] is True

    async def test_more_than_one_transaction_holds_goes_on_by_itself(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, a_ticket: Make, database: Database
    ) -> None:
        team = await a_team()
        leaving = await a_user(role=Role.AGENT, teams=[team])
        opener = await a_user(role=Role.ADMIN)
        for _ in range(52):
            await a_ticket(by=opener, team_id=team.id)
        async with database.session() as session:
            # Of their opening nobody is told here, or two hundred jobs would run before the one that this is about.
            await session.execute(delete(EventRow))
        staying = await a_user(role=Role.AGENT, teams=[team])
        done = await set_availability(admin_client, leaving, is_available=False, handover="perform")
        assert (len(done["tickets"]), done["has_more"]) == (50, True)
        await after_commit(database)
        assert await loads(database) == {staying.id: (52, 52)} == await loads_by_tickets(database)


async def test_loads_can_be_counted_anew(
    admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
) -> None:
    team = await a_team()
    member = await a_user(role=Role.AGENT, teams=[team])
    await open_ticket(admin_client, team_id=tea(team), impact="high", urgency="high")
    async with database.session() as session:
        # As a seed or a restore would leave it.
        await session.execute(update(Agent).values(open_load=99, open_count=99))
        await session.execute(delete(Agent).where(Agent.user_id != member.id))
        await recount_loads(session)
    assert await loads(database) == {member.id: (8, 1)} == await loads_by_tickets(database)
    async with database.reads() as reads:
        people = await reads.fetch_value(select(func.count()).select_from(Agent))
    # The admins of this test are staff too.
    assert people > 1
