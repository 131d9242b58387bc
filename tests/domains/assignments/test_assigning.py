"""Giving tickets to people and teams, and the steps that are told of it."""

from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
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


async def assign(client: httpx.AsyncClient, ticket: dict[str, Any], **body: Any) -> dict[str, Any]:
    reply = await client.post(f"/v1/tickets/{ticket['id']}/assignments", json=body)
    assert reply.status_code == 201, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


async def act(client: httpx.AsyncClient, ticket: dict[str, Any], verb: str, **body: Any) -> dict[str, Any]:
    reply = await client.post(f"/v1/tickets/{ticket['id']}/{verb}", json=body)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


class TestAssign:
    async def test_to_oneself_to_a_colleague_and_to_nobody(
        self, a_team: Make, a_user: Make, as_user: AsUser, database: Database
    ) -> None:
        team = await a_team(auto_assign=False)
        me, colleague = [await a_user(role=Role.AGENT, teams=[team]) for _ in range(2)]
        client = as_user(me)
        ticket = await open_ticket(client, team_id=tea(team))
        taken = await assign(client, ticket, assignee_id="me")
        assert (taken["assignee_id"], taken["assignee_name"]) == (usr(me), me.name)
        assert taken["ticket_reference"] == ticket["reference"]
        assert [(step["step"], step["from"], step["to"]) for step in taken["steps"]] == [("assignee", None, usr(me))]
        await assign(client, ticket, assignee_id=usr(colleague), reason="Knows the router.")
        assert await loads(database) == {colleague.id: (1, 1)}
        await assign(client, ticket, assignee_id=None)
        assert await loads(database) == {}
        reply = await client.get(f"/v1/tickets/{ticket['id']}/assignments")
        last = reply.json()["data"][-3:]
        assert [step["reason"] for step in last] == [
            f"{me.name} took it.",
            "Knows the router.",
            f"{me.name} took it off its assignee.",
        ]
        assert {(step["actor_kind"], step["actor_id"], step["actor_name"]) for step in last} == {
            ("user", usr(me), me.name)
        }

    async def test_who_has_it_already_changes_nothing(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        ticket = await open_ticket(admin_client, team_id=tea(team))
        for body in ({"assignee_id": usr(member)}, {"team_id": tea(team)}):
            answer = await assign(admin_client, ticket, **body)
            assert (answer["assignee_id"], answer["assignee_name"], answer["steps"]) == (usr(member), member.name, [])

    async def test_to_a_team_whose_free_member_takes_it(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
    ) -> None:
        first, second = await a_team(), await a_team()
        before = await a_user(role=Role.AGENT, teams=[first])
        after = await a_user(role=Role.AGENT, teams=[second])
        ticket = await open_ticket(admin_client, team_id=tea(first))
        assert ticket["assignee_id"] == usr(before)
        answer = await assign(admin_client, ticket, team_id=tea(second))
        assert (answer["team_id"], answer["assignee_id"]) == (tea(second), usr(after))
        assert [(step["step"], step["decided_by"]) for step in answer["steps"]] == [
            ("team", "manual"),
            ("assignee", "least_loaded"),
        ]
        assert await loads(database) == {after.id: (1, 1)} == await loads_by_tickets(database)

    async def test_least_loaded_gives_it_to_somebody_else(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make
    ) -> None:
        team = await a_team()
        await a_user(role=Role.AGENT, teams=[team])
        ticket = await open_ticket(admin_client, team_id=tea(team))
        reply = await admin_client.post(f"/v1/tickets/{ticket['id']}/assignments", json={"strategy": "least_loaded"})
        refused(reply, 409, "nobody_available")
        other = await a_user(role=Role.AGENT, teams=[team])
        answer = await assign(admin_client, ticket, strategy="least_loaded")
        assert answer["assignee_id"] == usr(other)

    async def test_taking_what_a_colleague_has_says_who(
        self, a_team: Make, a_user: Make, as_user: AsUser, database: Database
    ) -> None:
        team = await a_team(auto_assign=False)
        first, second = [await a_user(role=Role.AGENT, teams=[team]) for _ in range(2)]
        ticket = await open_ticket(as_user(first), team_id=tea(team))
        held = {"If-Match": (await as_user(first).get(f"/v1/tickets/{ticket['id']}")).headers["etag"]}
        await assign(as_user(first), ticket, assignee_id="me")
        body = {"assignee_id": "me", "replace": True}
        late = await as_user(second).post(f"/v1/tickets/{ticket['id']}/assignments", json=body, headers=held)
        refused(late, 412, "precondition_failed")
        for wanted in ("me", usr(second)):
            reply = await as_user(second).post(f"/v1/tickets/{ticket['id']}/assignments", json={"assignee_id": wanted})
            problem = refused(reply, 409, "ticket_already_assigned")
            assert problem["params"] == {"assignee_id": usr(first), "assignee_name": first.name}
        await assign(as_user(second), ticket, assignee_id="me", replace=True)
        assert await loads(database) == {second.id: (1, 1)}

    async def test_an_expected_assignee_must_be_right(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        ticket = await open_ticket(admin_client, team_id=tea(team))
        other = await a_user(role=Role.AGENT, teams=[team])
        body = {"assignee_id": usr(other), "expected_assignee_id": None}
        reply = await admin_client.post(f"/v1/tickets/{ticket['id']}/assignments", json=body)
        refused(reply, 409, "ticket_already_assigned")
        await assign(admin_client, ticket, assignee_id=usr(other), expected_assignee_id=usr(member))

    async def test_the_assignee_must_be_able_to_work_on_it(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make
    ) -> None:
        team = await a_team(auto_assign=False)
        ticket = await open_ticket(admin_client, team_id=tea(team))
        url = f"/v1/tickets/{ticket['id']}/assignments"
        outsiders = [
            await a_user(role=Role.AGENT),
            await a_user(role=Role.REQUESTER),
            await a_user(role=Role.AGENT, teams=[team], deactivated_at=clock.now()),
            await a_user(role=Role.AGENT, teams=[team], kind="service", email=None),
        ]
        for outsider in outsiders:
            reply = await admin_client.post(url, json={"assignee_id": usr(outsider)})
            refused(reply, 422, "assignee_not_eligible", "#/assignee_id")
        reply = await admin_client.post(url, json={"assignee_id": f"usr_{'0' * 32}"})
        refused(reply, 422, "unknown_reference", "#/assignee_id")
        reply = await admin_client.post(url, json={"team_id": f"tea_{'0' * 32}"})
        refused(reply, 422, "unknown_reference", "#/team_id")
        assert (await loads_of(admin_client, outsiders[0]))["open_count"] == 0

    @pytest.mark.parametrize(
        ("body", "code", "pointer"),
        [
            ({}, "assignment_target_missing", "#/assignee_id"),
            ({"reason": "x"}, "assignment_target_missing", "#/assignee_id"),
            ({"strategy": "least_loaded", "assignee_id": "me"}, "assignment_target_missing", "#/strategy"),
            ({"strategy": "least_loaded"}, "team_required", "#/strategy"),
            ({"strategy": "random"}, "validation_failed", "#/strategy"),
            ({"assignee_id": "INC-1"}, "validation_failed", "#/assignee_id"),
            ({"team_id": None}, "validation_failed", "#/team_id"),
        ],
    )
    async def test_a_body_that_says_too_little_or_too_much(
        self, admin_client: httpx.AsyncClient, body: dict[str, Any], code: str, pointer: str
    ) -> None:
        ticket = await open_ticket(admin_client)
        refused(await admin_client.post(f"/v1/tickets/{ticket['id']}/assignments", json=body), 422, code, pointer)

    async def test_the_action_names_the_field_that_is_asked_for(self, admin_client: httpx.AsyncClient) -> None:
        ticket = await open_ticket(admin_client)
        reply = await admin_client.post(f"/v1/tickets/{ticket['id']}/assignments", json={})
        needed = next(one["required_fields"] for one in ticket["allowed_actions"] if one["action"] == "assign")
        assert [error["pointer"] for error in reply.json()["errors"]] == [f"#/{field}" for field in needed] != []

    async def test_requesters_neither_assign_nor_read_the_steps(
        self, requester_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
    ) -> None:
        ticket = await open_ticket(requester_client)
        url = f"/v1/tickets/{ticket['id']}/assignments"
        refused(await requester_client.post(url, json={"assignee_id": "me"}), 403, "action_forbidden")
        refused(await requester_client.get(url), 403, "action_forbidden")
        stranger = as_user(await a_user())
        refused(await stranger.post(url, json={"assignee_id": "me"}), 404, "ticket_not_found")
        refused(await stranger.get(url), 404, "ticket_not_found")

    async def test_the_steps_are_paged(self, admin_client: httpx.AsyncClient, a_team: Make) -> None:
        ticket = await open_ticket(admin_client, team_id=tea(await a_team()))
        whole = await steps_of(admin_client, ticket)
        url, found, cursor = f"/v1/tickets/{ticket['id']}/assignments", [], None
        while True:
            page = (await admin_client.get(url, params={"limit": 1} | ({"cursor": cursor} if cursor else {}))).json()
            found += [(step["step"], step["decided_by"], step["to"]) for step in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert found == whole
        assert len(whole) == 3


async def loads_of(client: httpx.AsyncClient, user: Any) -> dict[str, Any]:
    reply = await client.get(f"/v1/agents/{usr(user)}/workload")
    if reply.status_code == 404:
        return {"open_count": 0}
    answer: dict[str, Any] = reply.json()
    return answer


class TestLoad:
    async def test_every_way_of_changing_a_ticket_keeps_the_load(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, as_user: AsUser, database: Database
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        agent = as_user(member)
        ticket = await open_ticket(admin_client, team_id=tea(team), impact="high", urgency="high")
        assert await loads(database) == {member.id: (8, 1)}
        await admin_client.patch(f"/v1/tickets/{ticket['id']}", json={"urgency": "low"})
        assert await loads(database) == {member.id: (2, 1)}
        await act(agent, ticket, "start")
        await act(agent, ticket, "pend", reason="vendor")
        assert await loads(database) == {member.id: (2, 1)}
        await act(agent, ticket, "resolve", resolution_code="fixed", resolution_text="New certificate.")
        assert await loads(database) == {}
        await act(agent, ticket, "reopen", reason="It came back.")
        assert await loads(database) == {member.id: (2, 1)} == await loads_by_tickets(database)
        await act(agent, ticket, "cancel", reason="No longer needed.")
        assert await loads(database) == {}

    async def test_starting_unassigned_work_is_a_step_too(
        self, a_team: Make, a_user: Make, as_user: AsUser, database: Database
    ) -> None:
        team = await a_team(auto_assign=False)
        member = await a_user(role=Role.AGENT, teams=[team])
        agent = as_user(member)
        ticket = await open_ticket(agent, team_id=tea(team))
        await act(agent, ticket, "start")
        assert await loads(database) == {member.id: (1, 1)}
        assert (await steps_of(agent, ticket))[-1] == ("assignee", "manual", usr(member))

    async def test_a_changed_priority_says_what_decided_it(self, admin_client: httpx.AsyncClient) -> None:
        ticket = await open_ticket(admin_client)
        url = f"/v1/tickets/{ticket['id']}"
        await admin_client.patch(url, json={"impact": "high", "urgency": "high"})
        await admin_client.patch(url, json={"priority": "low", "priority_reason": "Nobody is affected yet."})
        reply = await admin_client.get(f"{url}/assignments")
        steps = [
            (step["decided_by"], step["from"], step["to"], step["reason"])
            for step in reply.json()["data"]
            if step["step"] == "priority"
        ]
        assert steps[1:] == [
            ("matrix", "low", "critical", "Impact and urgency give this priority."),
            ("manual", "critical", "low", "Nobody is affected yet."),
        ]

    async def test_workload_counts_by_priority(
        self, admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, a_team: Make, a_user: Make
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        for urgency in ("high", "low"):
            await open_ticket(admin_client, team_id=tea(team), impact="high", urgency=urgency)
        found = (await admin_client.get(f"/v1/agents/{usr(member)}/workload")).json()
        assert found.items() >= {"open_count": 2, "open_load": 10, "critical": 1, "medium": 1, "low": 0}.items()
        reply = await requester_client.get(f"/v1/agents/{usr(member)}/workload")
        refused(reply, 403, "missing_scope")
        nobody = await a_user(role=Role.REQUESTER)
        refused(await admin_client.get(f"/v1/agents/{usr(nobody)}/workload"), 404, "agent_not_found")


class TestLeaving:
    async def test_the_open_tickets_of_who_left_are_flagged_until_somebody_decides(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
    ) -> None:
        team = await a_team()
        leaving = await a_user(role=Role.AGENT, teams=[team])
        ticket = await open_ticket(admin_client, team_id=tea(team))
        done = await open_ticket(admin_client, team_id=tea(team))
        await act(admin_client, done, "resolve", resolution_code="fixed", resolution_text="Done.")
        reply = await admin_client.patch(f"/v1/users/{usr(leaving)}", json={"role": "requester"})
        assert reply.status_code == 200, reply.text
        await after_commit(database)
        flagged = (await admin_client.get(f"/v1/tickets/{ticket['id']}")).json()
        assert (flagged["needs_reassignment"], flagged["assignee_id"]) == (True, usr(leaving))
        assert (await admin_client.get(f"/v1/tickets/{done['id']}")).json()["needs_reassignment"] is False
        # It comes back to whom it was resolved by, and they are not there any more.
        again = await act(admin_client, done, "reopen", reason="It is back.")
        assert (again["assignee_id"], again["needs_reassignment"]) == (usr(leaving), True)
        staying = await a_user(role=Role.AGENT, teams=[team])
        await assign(admin_client, ticket, assignee_id=usr(staying))
        assert (await admin_client.get(f"/v1/tickets/{ticket['id']}")).json()["needs_reassignment"] is False

    async def test_who_is_back_needs_nobody_in_their_stead(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        ticket, resolved = [await open_ticket(admin_client, team_id=tea(team)) for _ in range(2)]

        async def flagged(verb: str | None) -> bool:
            if verb is not None:
                reply = await admin_client.post(f"/v1/users/{usr(member)}/{verb}")
                assert reply.status_code == 200, reply.text
                await after_commit(database)
            return bool((await admin_client.get(f"/v1/tickets/{ticket['id']}")).json()["needs_reassignment"])

        assert await flagged("deactivate")
        # Who keeps it by a choice of its team has not been chosen anew.
        await assign(admin_client, ticket, team_id=tea(team))
        assert await flagged(None)
        await act(admin_client, resolved, "resolve", resolution_code="fixed", resolution_text="Done.")
        assert not await flagged("reactivate")
        again = await act(admin_client, resolved, "reopen", reason="It is back.")
        assert (again["assignee_id"], again["needs_reassignment"]) == (usr(member), False)

    async def test_an_explicit_choice_takes_the_flag_off(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, a_ticket: Make
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        made = await a_ticket(team_id=team.id, needs_reassignment=True)
        ticket = {"id": f"tkt_{made.id.hex}"}
        assert (await assign(admin_client, ticket, assignee_id=usr(member)))["steps"] == []
        assert (await admin_client.get(f"/v1/tickets/{ticket['id']}")).json()["needs_reassignment"] is False
