"""A new ticket's answer already says where it went, and the history says why."""

import asyncio
from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories.enums import Priority
from tests.domains.assignments.desk import (
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

RULES = "/v1/routing-rules"
VPN = {"field": "subject", "op": "contains", "value": "vpn"}


async def create_rule(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    reply = await client.post(RULES, json={"name": "VPN", "conditions": VPN, **body})
    assert reply.status_code == 201, reply.text
    created: dict[str, Any] = reply.json()
    return created


class TestCreation:
    async def test_the_category_gives_team_and_priority_and_the_least_loaded_takes_it(
        self,
        requester_client: httpx.AsyncClient,
        admin_client: httpx.AsyncClient,
        a_team: Make,
        a_category: Make,
        a_user: Make,
        database: Database,
    ) -> None:
        team = await a_team()
        category = await a_category(team_id=team.id, default_priority=Priority.HIGH)
        members = [await a_user(role=Role.AGENT, teams=[team]) for _ in range(3)]
        opened = [await open_ticket(requester_client, category_id=f"cat_{category.id.hex}") for _ in range(6)]
        assert {(one["team_id"], one["priority"]) for one in opened} == {(tea(team), "high")}
        assert sorted(one["assignee_id"] for one in opened) == sorted([usr(member) for member in members] * 2)
        assert await loads(database) == {member.id: (8, 2) for member in members} == await loads_by_tickets(database)
        assert await steps_of(admin_client, opened[0]) == [
            ("category", "explicit", opened[0]["category_id"]),
            ("priority", "category_default", "high"),
            ("team", "category_default", tea(team)),
            ("assignee", "least_loaded", opened[0]["assignee_id"]),
        ]

    async def test_rules_decide_in_their_order(
        self, admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, a_team: Make
    ) -> None:
        first, second = await a_team(auto_assign=False), await a_team()
        rule = await create_rule(admin_client, name="Network", team_id=tea(first), add_tags=["network"])
        await create_rule(admin_client, name="Later", team_id=tea(second), priority="critical", add_tags=["late"])
        opened = await open_ticket(requester_client, tags=["own"])
        assert (opened["team_id"], opened["assignee_id"]) == (tea(first), None)
        assert (opened["priority"], opened["tags"]) == ("critical", ["own", "network", "late"])
        # Routing is the desk's business.
        assert (opened["priority_source"], opened["awaits_member"]) == (None, None)
        reply = await admin_client.get(f"/v1/tickets/{opened['reference']}/assignments")
        team_step = next(step for step in reply.json()["data"] if step["step"] == "team")
        assert (team_step["rule_id"], team_step["rule_name"]) == (rule["id"], "Network")
        assert team_step["reason"] == "Rule “Network” applies."
        assert [step["step"] for step in reply.json()["data"]] == ["priority", "team", "assignee"]

    async def test_explicit_values_win(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
    ) -> None:
        ruled, wanted = await a_team(), await a_team()
        member = await a_user(role=Role.AGENT, teams=[wanted])
        await create_rule(admin_client, team_id=tea(ruled), priority="critical")
        opened = await open_ticket(
            admin_client,
            team_id=tea(wanted),
            assignee_id=usr(member),
            priority="low",
            priority_reason="A small matter.",
        )
        assert (opened["team_id"], opened["assignee_id"], opened["priority"]) == (tea(wanted), usr(member), "low")
        assert opened["assigned_at"] is not None
        assert await loads(database) == {member.id: (1, 1)}
        assert [step[1] for step in await steps_of(admin_client, opened)] == ["explicit"] * 3

    async def test_an_explicit_assignee_is_one_whom_assigning_takes(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_category: Make, a_user: Make
    ) -> None:
        team = await a_team()
        stranger, member = await a_user(role=Role.AGENT), await a_user(role=Role.AGENT, teams=[team])
        program = await a_user(role=Role.AGENT, kind="service", email=None, teams=[team])
        category = await a_category(team_id=team.id)
        new = {"subject": "VPN drops", "description": "Often.", "category_id": f"cat_{category.id.hex}"}
        for wrong in (stranger, program):
            reply = await admin_client.post("/v1/tickets", json={**new, "assignee_id": usr(wrong)})
            refused(reply, 422, "unknown_reference", "#/assignee_id")
        reply = await admin_client.post(
            "/v1/tickets", json={"subject": "x", "description": "x", "assignee_id": usr(program)}
        )
        refused(reply, 422, "unknown_reference", "#/assignee_id")
        assert (await open_ticket(admin_client, **new, assignee_id=usr(member)))["team_id"] == tea(team)

    async def test_nobody_free_leaves_it_waiting_with_the_team(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        away = await admin_client.put(f"/v1/agents/{usr(member)}/availability", json={"is_available": False})
        assert away.status_code == 200
        opened = await open_ticket(admin_client, team_id=tea(team))
        assert (opened["assignee_id"], opened["awaits_member"]) == (None, True)
        assert (await steps_of(admin_client, opened))[-1] == ("assignee", "nobody_available", None)

    async def test_a_team_that_assigns_by_hand_waits_for_nobody(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make
    ) -> None:
        team = await a_team(auto_assign=False)
        await a_user(role=Role.AGENT, teams=[team])
        opened = await open_ticket(admin_client, team_id=tea(team))
        assert (opened["assignee_id"], opened["awaits_member"]) == (None, False)

    async def test_only_active_staff_take_work(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make
    ) -> None:
        team = await a_team()
        await a_user(role=Role.REQUESTER, teams=[team])
        await a_user(role=Role.AGENT, kind="service", email=None, teams=[team])
        await a_user(role=Role.AGENT, teams=[team], deactivated_at=clock.now())
        opened = await open_ticket(admin_client, team_id=tea(team))
        assert (opened["assignee_id"], opened["awaits_member"]) == (None, True)

    async def test_an_archived_team_takes_no_new_ticket(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_category: Make, a_user: Make
    ) -> None:
        team, other = await a_team(), await a_team()
        member = await a_user(role=Role.AGENT, teams=[team, other])
        category = f"cat_{(await a_category(team_id=team.id)).id.hex}"
        held = await open_ticket(admin_client, category_id=category)
        assert held["team_id"] == tea(team)
        rule = await create_rule(admin_client, team_id=tea(team))
        assert (await admin_client.post(f"/v1/teams/{tea(team)}/archive")).status_code == 200
        opened = await open_ticket(admin_client, category_id=category)
        assert (opened["team_id"], opened["assignee_id"]) == (None, None)
        reply = await admin_client.get(f"/v1/tickets/{opened['id']}/assignments")
        assert "archived team of rule “VPN” and category" in reply.json()["data"][-1]["reason"]
        tried = await admin_client.post(f"{RULES}/test", json={"ticket": opened["id"]})
        assert tried.json()["team_id"] is None
        for body in ({"team_id": tea(team)}, {"team_id": tea(team), "assignee_id": usr(member)}):
            new = {"subject": "VPN drops", "description": "Often.", **body}
            refused(await admin_client.post("/v1/tickets", json=new), 422, "unknown_reference", "#/team_id")
        await self._saves_no_archived_team(admin_client, f"{RULES}/{rule['id']}", f"/v1/categories/{category}", other)
        path = f"/v1/tickets/{opened['id']}/assignments"
        ways: list[dict[str, Any]] = [{}, {"assignee_id": None}, {"assignee_id": usr(member)}]
        for way in (*ways, {"strategy": "least_loaded"}):
            reply = await admin_client.post(path, json={"team_id": tea(team), **way})
            refused(reply, 422, "unknown_reference", "#/team_id")
        # What it held stays with it, and goes on from hand to hand there.
        path = f"/v1/tickets/{held['id']}/assignments"
        for way in ({"team_id": tea(team), **ways[1]}, ways[2]):
            assert (await admin_client.post(path, json=way)).json()["team_id"] == tea(team)

    async def _saves_no_archived_team(self, client: httpx.AsyncClient, rule: str, category: str, other: Any) -> None:
        """What named the team before keeps it, and takes it up no more when it was given another."""
        for path, more in ((rule, {"conditions": VPN}), (category, {})):
            held = (await client.get(path)).json()["team_id"]
            saved = await client.patch(path, json={"team_id": held, "name": "As before"})
            assert (saved.status_code, saved.json()["team_id"]) == (200, held)
            assert (await client.patch(path, json={"team_id": tea(other)})).status_code == 200
            refused(await client.patch(path, json={"team_id": held}), 422, "unknown_reference", "#/team_id")
            new = {"name": "New", "team_id": held, **more}
            refused(await client.post(path.rpartition("/")[0], json=new), 422, "unknown_reference", "#/team_id")

    async def test_an_inactive_rule_is_not_tried(
        self, admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
    ) -> None:
        rule = await create_rule(admin_client, priority="critical", is_active=False)
        assert (await open_ticket(requester_client))["priority"] == "low"
        await admin_client.patch(f"{RULES}/{rule['id']}", json={"is_active": True})
        assert (await open_ticket(requester_client))["priority"] == "critical"
        await admin_client.delete(f"{RULES}/{rule['id']}")
        assert (await open_ticket(requester_client))["priority"] == "low"


class TestRules:
    async def test_a_rule_reads_back_as_written(self, admin_client: httpx.AsyncClient) -> None:
        conditions = {"all": [VPN, {"not": {"field": "tags", "op": "contains", "value": "quiet"}}]}
        rule = await create_rule(admin_client, conditions=conditions, priority="high")
        assert rule["conditions"] == conditions
        reply = await admin_client.get(f"{RULES}/{rule['id']}")
        assert (reply.json(), reply.headers["etag"][:4]) == (rule, '"v1-')

    async def test_wrong_conditions_are_pointed_at(self, admin_client: httpx.AsyncClient) -> None:
        for leaf, code, part in (
            ({"field": "mood", "op": "eq", "value": "bad"}, "invalid_conditions", "field"),
            ({"field": "subject", "op": "gt", "value": "a"}, "invalid_conditions", "op"),
            ({"field": "priority", "op": "eq", "value": "urgent"}, "invalid_conditions", "value"),
            ({"field": "subject", "op": "eq", "value": None}, "validation_failed", "value"),
        ):
            reply = await admin_client.post(
                RULES, json={"name": "x", "conditions": {"all": [VPN, leaf]}, "priority": "high"}
            )
            refused(reply, 422, code, f"#/conditions/all/1/{part}")

    async def test_a_rule_must_decide_something(self, admin_client: httpx.AsyncClient) -> None:
        reply = await admin_client.post(RULES, json={"name": "x", "conditions": VPN})
        refused(reply, 422, "routing_rule_without_effect")
        rule = await create_rule(admin_client, priority="high")
        reply = await admin_client.patch(f"{RULES}/{rule['id']}", json={"priority": None})
        refused(reply, 422, "routing_rule_without_effect")

    async def test_unknown_teams_are_pointed_at(self, admin_client: httpx.AsyncClient) -> None:
        reply = await admin_client.post(RULES, json={"name": "x", "conditions": VPN, "team_id": f"tea_{'0' * 32}"})
        refused(reply, 422, "unknown_reference", "#/team_id")

    async def test_the_order_names_every_rule_once(
        self, admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
    ) -> None:
        low = await create_rule(admin_client, name="Low", priority="low")
        high = await create_rule(admin_client, name="High", priority="high")
        assert (await open_ticket(requester_client))["priority"] == "low"
        reply = await admin_client.put(f"{RULES}/order", json={"rule_ids": [high["id"], low["id"]]})
        assert reply.status_code == 204
        assert (await open_ticket(requester_client))["priority"] == "high"
        listed = (await admin_client.get(RULES)).json()["data"]
        assert [rule["name"] for rule in listed] == ["High", "Low"]
        for wrong in ([high["id"]], [high["id"], high["id"]], [high["id"], low["id"], f"rul_{'0' * 32}"]):
            reply = await admin_client.put(f"{RULES}/order", json={"rule_ids": wrong})
            refused(reply, 409, "routing_order_incomplete")

    async def test_of_two_new_orders_the_second_does_not_undo_the_first(self, admin_client: httpx.AsyncClient) -> None:
        ids = [(await create_rule(admin_client, name=name, priority="low"))["id"] for name in ("A", "B", "C")]
        read = await admin_client.get(f"{RULES}/order")
        assert read.json() == {"rule_ids": ids}
        held = {"If-Match": read.headers["etag"]}
        a, b, c = ids
        orders = [{"rule_ids": [c, a, b]}, {"rule_ids": [b, a, c]}]
        replies = await asyncio.gather(*(admin_client.put(f"{RULES}/order", json=one, headers=held) for one in orders))
        assert sorted(reply.status_code for reply in replies) == [204, 412]
        won = next(one for one, reply in zip(orders, replies, strict=True) if reply.status_code == 204)
        assert (await admin_client.get(f"{RULES}/order", headers={"If-None-Match": held["If-Match"]})).json() == won
        # A rule that came meanwhile is one that the caller has not placed.
        held = {"If-Match": (await admin_client.get(f"{RULES}/order")).headers["etag"]}
        await create_rule(admin_client, name="D", priority="low")
        refused(await admin_client.put(f"{RULES}/order", json=won, headers=held), 412, "precondition_failed")

    async def test_rules_are_the_staffs_to_read_and_the_admins_to_write(
        self,
        requester_client: httpx.AsyncClient,
        agent_client: httpx.AsyncClient,
        supervisor_client: httpx.AsyncClient,
    ) -> None:
        refused(await requester_client.get(RULES), 403, "staff_only")
        refused(await requester_client.post(f"{RULES}/test", json={"facts": {"subject": "x"}}), 403, "staff_only")
        assert (await agent_client.get(RULES)).status_code == 200
        body = {"name": "x", "conditions": VPN, "priority": "high"}
        refused(await supervisor_client.post(RULES, json=body), 403, "missing_scope")


class TestTrial:
    async def test_facts_show_what_would_happen_and_nothing_happens(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
    ) -> None:
        team = await a_team()
        member = await a_user(role=Role.AGENT, teams=[team])
        rule = await create_rule(admin_client, team_id=tea(team), add_tags=["net"])
        reply = await admin_client.post(
            f"{RULES}/test", json={"facts": {"subject": "My VPN", "impact": "high", "urgency": "high"}}
        )
        tried = reply.json()
        assert reply.status_code == 200, reply.text
        assert (tried["priority"], tried["team_id"], tried["assignee_id"]) == ("critical", tea(team), usr(member))
        assert tried["matched_rules"] == [{"rule_id": rule["id"], "name": "VPN"}]
        assert [step["decided_by"] for step in tried["steps"]] == ["matrix", "rule", "least_loaded"]
        assert await loads(database) == {}

    async def test_a_ticket_is_tried_as_if_it_came_in_now(self, admin_client: httpx.AsyncClient, a_team: Make) -> None:
        opened = await open_ticket(admin_client)
        team = await a_team()
        await create_rule(admin_client, team_id=tea(team))
        tried = (await admin_client.post(f"{RULES}/test", json={"ticket": opened["reference"]})).json()
        assert (tried["team_id"], tried["awaits_member"]) == (tea(team), True)
        assert (await admin_client.get(f"/v1/tickets/{opened['id']}")).json()["team_id"] is None

    @pytest.mark.parametrize("body", [{}, {"ticket": "INC-1", "facts": {"subject": "x"}}])
    async def test_one_of_both_is_needed(self, admin_client: httpx.AsyncClient, body: dict[str, Any]) -> None:
        refused(await admin_client.post(f"{RULES}/test", json=body), 422, "routing_test_ambiguous")

    async def test_a_ticket_that_the_caller_does_not_work_on_is_not_found(
        self, admin_client: httpx.AsyncClient, a_team: Make, a_user: Make, as_user: AsUser
    ) -> None:
        opened = await open_ticket(admin_client, team_id=tea(await a_team()))
        stranger = as_user(await a_user(role=Role.AGENT))
        reply = await stranger.post(f"{RULES}/test", json={"ticket": opened["id"]})
        refused(reply, 404, "ticket_not_found")
