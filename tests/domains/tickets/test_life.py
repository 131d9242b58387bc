"""A ticket's whole life over HTTP, and who may do what in it."""

from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import inspect

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets import jobs
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.users.models import User
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

NEW = {"subject": "VPN drops", "description": "It *drops*.", "impact": "medium", "urgency": "high"}


async def opened(client: httpx.AsyncClient, **fields: object) -> dict[str, object]:
    reply = await client.post("/v1/tickets", json={**NEW, **fields})
    assert reply.status_code == 201, reply.text
    body: dict[str, object] = reply.json()
    return body


def allowed(ticket: dict[str, object]) -> set[str]:
    return {action["action"] for action in ticket["allowed_actions"] if action["allowed"]}  # type: ignore[attr-defined]


class TestLife:
    async def test_from_opening_to_confirmation(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
    ) -> None:
        ticket = await opened(requester_client)
        assert ticket["status"] == "open"
        assert ticket["description_html"] == "<p>It <em>drops</em>.</p>\n"
        path = f"/v1/tickets/{ticket['reference']}"
        started = await agent_client.post(f"{path}/start", json={})
        assert started.json()["status"] == "in_progress"
        assert started.json()["assignee_id"] is not None
        resolution = {"resolution_code": "fixed", "resolution_text": "New certificate."}
        resolved = await agent_client.post(f"{path}/resolve", json=resolution)
        assert resolved.json()["status"] == "resolved"
        assert resolved.json()["closes_at"] > resolved.json()["resolved_at"]
        seen = (await requester_client.get(path)).json()
        assert "confirm" in allowed(seen)
        assert "confirm" not in allowed(resolved.json())
        confirmed = await requester_client.post(f"{path}/confirm", json={})
        assert confirmed.json()["status"] == "closed"
        assert allowed(confirmed.json()) == {"comment", "rate", "watch"}

    async def test_requester_may_not_work(self, requester_client: httpx.AsyncClient) -> None:
        ticket = await opened(requester_client)
        reply = await requester_client.post(f"/v1/tickets/{ticket['id']}/start", json={})
        assert (reply.status_code, reply.json()["code"]) == (403, "action_forbidden")

    async def test_stranger_gets_404_everywhere(
        self, requester_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
    ) -> None:
        ticket = await opened(requester_client)
        stranger = as_user(await a_user())
        path = f"/v1/tickets/{ticket['id']}"
        for verb in ("start", "pend", "resume", "resolve", "confirm", "reopen", "close", "cancel"):
            body = {
                "pend": {"reason": "vendor"},
                "resolve": {"resolution_code": "fixed", "resolution_text": "x"},
                "reopen": {"reason": "x"},
                "cancel": {"reason": "x"},
            }.get(verb, {})
            reply = await stranger.post(f"{path}/{verb}", json=body)
            assert (reply.status_code, reply.json()["code"]) == (404, "ticket_not_found"), verb
        for reply in (
            await stranger.get(path),
            await stranger.patch(path, json={"subject": "x"}),
            await stranger.get(f"{path}/comments"),
            await stranger.post(f"{path}/comments", json={"body": "x"}),
            await stranger.get(f"{path}/participants"),
            await stranger.get(f"{path}/watchers"),
        ):
            assert reply.status_code == 404
        assert (await stranger.get("/v1/tickets")).json()["data"] == []

    async def test_not_allowed_transition_names_the_status(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
    ) -> None:
        ticket = await opened(requester_client)
        reply = await agent_client.post(f"/v1/tickets/{ticket['id']}/resume", json={})
        assert reply.status_code == 409
        assert reply.json()["code"] == "transition_not_allowed"
        assert reply.json()["params"] == {"action": "resume", "status": "open"}

    async def test_reopen_window(
        self, database: Database, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
    ) -> None:
        # Over the night in October that has 25 hours in Europe: seven days are seven times 24 hours.
        with clock.frozen(clock.now().replace(year=2026, month=10, day=24, hour=12)) as moment:
            ticket = await opened(requester_client)
            path = f"/v1/tickets/{ticket['id']}"
            await agent_client.post(f"{path}/resolve", json={"resolution_code": "fixed", "resolution_text": "x"})
            moment.advance(days=7, seconds=1)
            late = await requester_client.post(f"{path}/reopen", json={"reason": "again"})
            assert (late.status_code, late.json()["code"]) == (409, "reopen_window_passed")
            moment.advance(seconds=-1)
            reopened = await requester_client.post(f"{path}/reopen", json={"reason": "again"})
            assert reopened.json()["status"] == "open"
            assert reopened.json()["resolution_code"] is None
            assert reopened.json()["reopened_count"] == 1

    async def test_resolved_closes_by_itself_counted_from_the_resolution(
        self, database: Database, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
    ) -> None:
        with clock.frozen(clock.now()) as moment:
            ticket = await opened(requester_client)
            path = f"/v1/tickets/{ticket['id']}"
            await agent_client.post(f"{path}/resolve", json={"resolution_code": "fixed", "resolution_text": "x"})
            moment.advance(days=5, seconds=-1)
            async with database.session() as session:
                await jobs.close_resolved(session, {})
            assert (await requester_client.get(path)).json()["status"] == "resolved"
            moment.advance(seconds=1)
            async with database.session() as session:
                await jobs.close_resolved(session, {})
            assert (await requester_client.get(path)).json()["status"] == "closed"

    async def test_scheduled_wait_resumes_by_itself(
        self, database: Database, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
    ) -> None:
        with clock.frozen(clock.now()) as moment:
            ticket = await opened(requester_client)
            path = f"/v1/tickets/{ticket['id']}"
            at = (moment.at.replace(microsecond=0)).isoformat()
            past = await agent_client.post(f"{path}/pend", json={"reason": "scheduled", "resumes_at": at})
            assert (past.status_code, past.json()["code"]) == (422, "resume_in_past")
            assert past.json()["errors"][0]["pointer"] == "#/resumes_at"
            missing = await agent_client.post(f"{path}/pend", json={"reason": "scheduled"})
            assert missing.status_code == 422
            moment.advance(hours=-1)
            await agent_client.post(f"{path}/pend", json={"reason": "scheduled", "resumes_at": at})
            moment.advance(hours=1)
            async with database.session() as session:
                await jobs.resume_scheduled(session, {})
            assert (await agent_client.get(path)).json()["status"] == "in_progress"

    async def test_a_program_works_and_is_nobody_s_assignee(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient
    ) -> None:
        program = await a_user(kind="service", role=Role.AGENT)
        body = {**NEW, "assignee_id": f"usr_{program.id.hex}"}
        refused = await agent_client.post("/v1/tickets", json=body)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/assignee_id")
        path = f"/v1/tickets/{(await opened(agent_client))['id']}/start"
        started = (await as_user(program).post(path, json={})).json()
        assert (started["status"], started["assignee_id"]) == ("in_progress", None)


class TestCreate:
    async def test_a_fresh_one_is_whole_before_it_is_read_back(self, a_ticket: Make) -> None:
        ticket = await a_ticket()
        columns = [name for name, column in inspect(Ticket).columns.items() if column.server_default is not None]
        assert [name for name in columns if getattr(ticket, name) is None] == []

    async def test_priority_by_hand_needs_the_right_and_a_reason(
        self, agent_client: httpx.AsyncClient, supervisor_client: httpx.AsyncClient
    ) -> None:
        refused = await agent_client.post("/v1/tickets", json={**NEW, "priority": "critical"})
        assert (refused.status_code, refused.json()["required_scope"]) == (403, "tickets:admin")
        for reason in ({}, {"priority_reason": " \n\u2003"}):
            bare = await supervisor_client.post("/v1/tickets", json={**NEW, "priority": "critical", **reason})
            assert (bare.status_code, bare.json()["code"]) == (422, "priority_reason_required")
        idle = await supervisor_client.post("/v1/tickets", json={**NEW, "priority_reason": "Board meeting"})
        assert (idle.status_code, idle.json()["code"]) == (422, "priority_reason_unused")
        assert idle.json()["errors"][0]["pointer"] == "#/priority_reason"
        body = {**NEW, "priority": "critical", "priority_reason": "Board meeting"}
        ticket = (await supervisor_client.post("/v1/tickets", json=body)).json()
        assert (ticket["priority"], ticket["priority_source"]) == ("critical", "manual")

    async def test_priority_from_the_matrix(self, requester_client: httpx.AsyncClient) -> None:
        assert (await opened(requester_client, impact="high", urgency="high"))["priority"] == "critical"
        assert (await opened(requester_client, impact="medium", urgency="medium"))["priority"] == "medium"
        assert (await opened(requester_client, impact="low", urgency="low"))["priority"] == "low"

    async def test_only_staff_open_for_others(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, a_user: Make
    ) -> None:
        other = await a_user()
        body = {**NEW, "requester_id": f"usr_{other.id.hex}"}
        refused = await requester_client.post("/v1/tickets", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "field_forbidden")
        ticket = await opened(agent_client, requester_id=f"usr_{other.id.hex}")
        assert ticket["requester_id"] == f"usr_{other.id.hex}"
        assert ticket["submitter_id"] != ticket["requester_id"]

    async def test_each_type_counts_by_itself_and_a_reference_survives_its_type(
        self, agent_client: httpx.AsyncClient
    ) -> None:
        ticket = await opened(agent_client, type="service_request")
        reference = str(ticket["reference"])
        assert reference.startswith("REQ-")
        changed = await agent_client.patch(f"/v1/tickets/{reference}", json={"type": "incident"})
        assert (changed.json()["type"], changed.json()["reference"]) == ("incident", reference)

    async def test_external_pair_is_unique(self, agent_client: httpx.AsyncClient) -> None:
        await opened(agent_client, external_source="jira", external_id="A-1")
        twin = await agent_client.post("/v1/tickets", json={**NEW, "external_source": "jira", "external_id": "A-1"})
        assert (twin.status_code, twin.json()["code"]) == (409, "external_id_taken")
        half = await agent_client.post("/v1/tickets", json={**NEW, "external_id": "A-1"})
        assert (half.status_code, half.json()["code"]) == (422, "external_pair_incomplete")

    async def test_whether_an_external_id_is_taken_is_not_for_requesters_to_learn(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
    ) -> None:
        pair = {"external_source": "jira", "external_id": "A-2"}
        await opened(agent_client, **pair)
        for given, pointer in ((pair, "#/external_source"), ({"external_id": "A-3"}, "#/external_id")):
            reply = await requester_client.post("/v1/tickets", json={**NEW, **given})
            assert (reply.status_code, reply.json()["code"]) == (403, "field_forbidden")
            assert reply.json()["errors"][0]["pointer"] == pointer

    async def test_import_clock(self, agent_client: httpx.AsyncClient, admin_client: httpx.AsyncClient) -> None:
        past = {**NEW, "occurred_at": "2020-02-29T08:00:00Z"}
        refused = await agent_client.post("/v1/tickets", json=past)
        assert (refused.status_code, refused.json()["required_scope"]) == (403, "import")
        assert (await admin_client.post("/v1/tickets", json=past)).json()["created_at"] == "2020-02-29T08:00:00.000000Z"

    async def test_bad_bodies_point_at_the_field(self, requester_client: httpx.AsyncClient) -> None:
        for change, pointer in (
            ({"subjekt": "x"}, "#/subjekt"),
            ({"subject": ""}, "#/subject"),
            ({"subject": "a\x00b"}, "#/subject"),
            ({"impact": "huge"}, "#/impact"),
            ({"category_id": "tea_" + "0" * 32}, "#/category_id"),
            ({"began_at": "2026-01-01T00:00:00"}, "#/began_at"),
            ({"tags": ["x"] * 31}, "#/tags"),
            ({"tags": ["\u3000vpn"]}, "#/tags/0"),
            ({"subject": "\u2009\t"}, "#/subject"),
        ):
            reply = await requester_client.post("/v1/tickets", json={**NEW, **change})
            assert reply.status_code == 422, change
            assert reply.json()["code"] == "validation_failed"
            assert pointer in [error["pointer"] for error in reply.json()["errors"]]
        unknown = await requester_client.post("/v1/tickets", json={**NEW, "category_id": "cat_" + "0" * 32})
        assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_reference")
        future = await requester_client.post("/v1/tickets", json={**NEW, "began_at": "2999-01-01T00:00:00Z"})
        assert (future.status_code, future.json()["code"]) == (422, "instant_in_future")
        assert (await requester_client.get("/v1/tickets")).json()["data"] == []


class TestUpdate:
    async def test_merge_patch(self, agent_client: httpx.AsyncClient) -> None:
        ticket = await opened(agent_client, affected_service="VPN")
        path = f"/v1/tickets/{ticket['id']}"
        same = await agent_client.patch(path, json={})
        assert same.json()["updated_at"] == ticket["updated_at"]
        assert (await agent_client.patch(path, json={"subject": None})).status_code == 422
        cleared = await agent_client.patch(
            path,
            content=b'{"affected_service": null, "tags": ["vpn", "vpn"]}',
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert (cleared.json()["affected_service"], cleared.json()["tags"]) == (None, ["vpn"])
        # ECMAScript, by which clients check the contract, does not count it as white space.
        odd = await agent_client.patch(path, json={"tags": ["\x85vpn"]})
        assert (odd.status_code, odd.json()["tags"]) == (200, ["\x85vpn"])

    async def test_two_people_editing(self, agent_client: httpx.AsyncClient) -> None:
        ticket = await opened(agent_client)
        path = f"/v1/tickets/{ticket['id']}"
        etag = (await agent_client.get(path)).headers["etag"]
        first = await agent_client.patch(path, json={"subject": "A"}, headers={"If-Match": etag})
        second = await agent_client.patch(path, json={"subject": "B"}, headers={"If-Match": etag})
        assert first.status_code == 200
        assert (second.status_code, second.json()["code"]) == (412, "precondition_failed")
        # The version alone, which is enough for the next try.
        current = second.json()["params"]["current_etag"]
        assert first.headers["etag"].startswith(f"{current[:-1]}-")
        again = await agent_client.patch(path, json={"subject": "A"}, headers={"If-Match": f'"s0", {current}'})
        assert again.headers["etag"] == first.headers["etag"]
        assert (await agent_client.get(path)).json()["subject"] == "A"
        unchanged = await agent_client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (unchanged.status_code, unchanged.content) == (304, b"")

    async def test_instants_are_kept_and_answered_in_utc(self, agent_client: httpx.AsyncClient) -> None:
        with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")):
            path = f"/v1/tickets/{(await opened(agent_client))['id']}"
            began = await agent_client.patch(path, json={"began_at": "2026-03-02T13:00:00.5+05:00"})
            assert began.json()["began_at"] == "2026-03-02T08:00:00.500000Z"
            pend = {"reason": "scheduled", "resumes_at": "2026-03-03T00:30:00+05:30"}
            await agent_client.post(f"{path}/start", json={})
            assert (await agent_client.post(f"{path}/pend", json=pend)).json()["resumes_at"][
                :19
            ] == "2026-03-02T19:00:00"
        told = (await agent_client.get(f"{path}/history")).text
        assert '"2026-03-02T08:00:00.500000Z"' in told
        assert '"2026-03-02T19:00:00Z"' in told
        assert "+05:" not in told
        edge = await agent_client.get("/v1/tickets", params={"created_after": "1970-01-01T00:00:00+14:00"})
        assert (edge.status_code, edge.json()["errors"][0]["code"]) == (422, "instant_out_of_range")

    async def test_unchanged_is_what_is_answered_and_not_the_ticket_alone(
        self, database: Database, a_user: Make, as_user: AsUser
    ) -> None:
        requester, agent, admin = await a_user(), await a_user(role=Role.AGENT), await a_user(role=Role.ADMIN)
        with clock.frozen(clock.now()) as moment:
            ticket = await opened(as_user(requester))
            path = f"/v1/tickets/{ticket['id']}"

            async def tag_of(reader: User, **params: str) -> str:
                reply = await as_user(reader).get(path, params=params)
                others = ", ".join(f'"s{number}-0123456789abcdef"' for number in range(20))
                kept = [("If-None-Match", others), ("If-None-Match", reply.headers["etag"])]
                held = await as_user(reader).get(path, params=params, headers=kept)
                assert (held.status_code, held.headers["etag"]) == (304, reply.headers["etag"])
                return reply.headers["etag"]

            async def change(user: User, **fields: str) -> None:
                assert (await as_user(admin).patch(f"/v1/users/usr_{user.id.hex}", json=fields)).status_code == 200

            named, as_agent = await tag_of(agent, include="requester"), await tag_of(agent)
            await change(requester, name="Another Name")
            assert (await tag_of(agent, include="requester"), await tag_of(agent)) != (named, as_agent)
            assert await tag_of(agent) == as_agent
            await change(agent, role="supervisor")
            promoted = await tag_of(agent)
            assert promoted != as_agent
            # The ticket is the same for a write, whatever was answered with it.
            held = {"If-Match": f'"s0-0123456789abcdef", {as_agent}'}
            fixed = {"resolution_code": "fixed", "resolution_text": "x"}
            assert (await as_user(agent).post(f"{path}/resolve", json=fixed, headers=held)).status_code == 200
            refused = await as_user(agent).post(f"{path}/close", json={}, headers={"If-Match": promoted})
            assert refused.status_code == 412
            disputable = await tag_of(requester)
            moment.advance(days=7, seconds=1)
            assert await tag_of(requester) != disputable

    async def test_requester_edits_words_and_nothing_else(self, requester_client: httpx.AsyncClient) -> None:
        ticket = await opened(requester_client)
        path = f"/v1/tickets/{ticket['id']}"
        assert (await requester_client.patch(path, json={"subject": "Better words"})).status_code == 200
        refused = await requester_client.patch(path, json={"impact": "high"})
        assert (refused.status_code, refused.json()["code"]) == (403, "field_forbidden")
        assert refused.json()["errors"][0]["pointer"] == "#/impact"

    async def test_priority_by_hand_stays_until_cleared(self, supervisor_client: httpx.AsyncClient) -> None:
        ticket = await opened(supervisor_client, impact="low", urgency="low")
        path = f"/v1/tickets/{ticket['id']}"
        body = {"priority": "critical", "priority_reason": "The board is waiting"}
        assert (await supervisor_client.patch(path, json=body)).json()["priority"] == "critical"
        assert (await supervisor_client.patch(path, json={"impact": "high"})).json()["priority"] == "critical"
        back = (await supervisor_client.patch(path, json={"priority": None})).json()
        assert (back["priority"], back["priority_source"], back["priority_reason"]) == ("medium", "matrix", None)

    async def test_what_no_hand_sets_is_as_it_was_at_first(
        self, supervisor_client: httpx.AsyncClient, a_category: Make
    ) -> None:
        async def last_priority(path: str) -> dict[str, Any]:
            steps = (await supervisor_client.get(f"{path}/assignments")).json()["data"]
            return [step for step in steps if step["step"] == "priority"][-1]

        above = await a_category(default_priority="medium")
        category = await a_category(parent_id=above.id)
        bare = {"impact": None, "urgency": None}
        fields = {"category_id": f"cat_{category.id.hex}", **bare}
        by_hand = {"priority": "critical", "priority_reason": "vip"}
        for kept, expected in (
            (fields, ("medium", "category")),
            (bare, ("low", "default")),
            ({**fields, "impact": "high", "urgency": "high"}, ("critical", "matrix")),
        ):
            ticket = await opened(supervisor_client, **kept)
            assert (ticket["priority"], ticket["priority_source"]) == expected
            path = f"/v1/tickets/{ticket['id']}"
            await supervisor_client.patch(path, json=by_hand)
            assert (await last_priority(path))["decided_by"] == "manual"
            back = (await supervisor_client.patch(path, json={"priority": None, "priority_reason": None})).json()
            assert (back["priority"], back["priority_source"], back["priority_reason"]) == (*expected, None)
            # Also where the same came out again.
            last = await last_priority(path)
            assert (last["to"], last["decided_by"].removesuffix("_default")) == expected
        # The last one's matrix has nothing to go by any more.
        less = (await supervisor_client.patch(path, json={"impact": None})).json()
        assert (less["priority"], less["priority_source"]) == ("medium", "category")
        last = await last_priority(path)
        assert (last["to"], last["decided_by"]) == ("medium", "category_default")

    async def test_a_reason_is_of_a_priority_by_hand_and_stays_with_it(
        self, supervisor_client: httpx.AsyncClient
    ) -> None:
        path = f"/v1/tickets/{(await opened(supervisor_client))['id']}"
        by_hand = {"priority": "critical", "priority_reason": "vip"}
        for before, change, code in (
            ({}, {"priority_reason": "x"}, "priority_reason_unused"),
            ({}, {"priority_reason": "x", "impact": "low"}, "priority_reason_unused"),
            (by_hand, {"priority": None, "priority_reason": "why"}, "priority_reason_unused"),
            (by_hand, {"priority_reason": None}, "priority_reason_required"),
            (by_hand, {"priority_reason": " "}, "priority_reason_required"),
            (by_hand, {**by_hand, "priority_reason": " "}, "priority_reason_required"),
            (by_hand, {"priority": "low"}, "priority_reason_required"),
        ):
            was = (await supervisor_client.patch(path, json=before)).json()
            reply = await supervisor_client.patch(path, json=change)
            assert (reply.status_code, reply.json()["code"]) == (422, code), change
            assert reply.json()["errors"][0]["pointer"] == "#/priority_reason"
            assert (await supervisor_client.get(path)).json()["priority_reason"] == was["priority_reason"]
        better = (await supervisor_client.patch(path, json={"priority_reason": "Board meeting"})).json()
        assert (better["priority"], better["priority_source"], better["priority_reason"]) == (
            "critical",
            "manual",
            "Board meeting",
        )


class TestPeople:
    async def test_a_participant_sees_and_replies_a_watcher_does_not(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
    ) -> None:
        ticket = await opened(requester_client)
        path = f"/v1/tickets/{ticket['id']}"
        colleague, onlooker = await a_user(), await a_user()
        assert (await requester_client.put(f"{path}/participants/usr_{colleague.id.hex}")).status_code == 204
        assert (await agent_client.put(f"{path}/watchers/usr_{onlooker.id.hex}")).status_code == 204
        assert (await as_user(colleague).get(path)).status_code == 200
        assert (await as_user(colleague).post(f"{path}/comments", json={"body": "me too"})).status_code == 201
        assert (await as_user(onlooker).get(path)).status_code == 404
        assert (await requester_client.get(f"{path}/watchers")).status_code == 403
        assert (await as_user(colleague).delete(f"{path}/participants/usr_{colleague.id.hex}")).status_code == 204
        assert (await as_user(colleague).get(path)).status_code == 404
        missing = await requester_client.put(f"{path}/participants/usr_{'0' * 32}")
        assert missing.status_code == 404

    async def test_colleagues_where_allowed(self, an_organization: Make, a_user: Make, as_user: AsUser) -> None:
        organization = await an_organization()
        one = await a_user(organization_id=organization.id)
        curious = await a_user(organization_id=organization.id, sees_organization=True)
        discreet = await a_user(organization_id=organization.id)
        ticket = await opened(as_user(one))
        path = f"/v1/tickets/{ticket['id']}"
        assert (await as_user(curious).get(path)).status_code == 200
        assert allowed((await as_user(curious).get(path)).json()) == {"watch"}
        assert (await as_user(discreet).get(path)).status_code == 404


class TestSight:
    async def test_agents_see_their_teams_work(self, a_user: Make, a_team: Make, as_user: AsUser) -> None:
        ours, theirs = await a_team(auto_assign=False), await a_team(auto_assign=False)
        agent = as_user(await a_user(role=Role.AGENT, teams=[ours]))
        admin = as_user(await a_user(role=Role.ADMIN))
        mine = await opened(admin, team_id=f"tea_{ours.id.hex}")
        foreign = await opened(admin, team_id=f"tea_{theirs.id.hex}")
        nobodys = await opened(admin)
        seen = {ticket["id"] for ticket in (await agent.get("/v1/tickets")).json()["data"]}
        assert seen == {mine["id"], nobodys["id"]}
        assert (await agent.get(f"/v1/tickets/{foreign['id']}")).status_code == 404


class TestImport:
    async def test_the_past_is_told_in_order_and_nobody_is_told(
        self, admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, database: Database
    ) -> None:
        body = {**NEW, "occurred_at": "2020-02-29T08:00:00Z"}
        path = f"/v1/tickets/{(await admin_client.post('/v1/tickets', json=body)).json()['id']}"
        resolution = {"resolution_code": "fixed", "resolution_text": "Done."}
        refused = await agent_client.post(f"{path}/start", json={}, headers={"Occurred-At": "2020-02-29T09:00:00Z"})
        assert (refused.status_code, refused.json()["required_scope"]) == (403, "import")
        started = await admin_client.post(f"{path}/start", json={}, headers={"Occurred-At": "2020-02-29T09:00:00Z"})
        assert started.json()["updated_at"] == "2020-02-29T09:00:00.000000Z"
        for wrong in ("2020-02-29T08:59:59Z", "2999-01-01T00:00:00Z"):
            reply = await admin_client.post(f"{path}/resolve", json=resolution, headers={"Occurred-At": wrong})
            assert (reply.status_code, reply.json()["code"]) == (422, "instant_out_of_order")
        # A key belongs to what is done, and that is another thing at another time.
        key = {"Idempotency-Key": "once", "Occurred-At": "2020-02-29T10:00:00Z"}
        pend = {"reason": "vendor"}
        assert (await admin_client.post(f"{path}/pend", json=pend, headers=key)).status_code == 200
        same = await admin_client.post(f"{path}/pend", json=pend, headers=key)
        assert same.headers["Idempotency-Replayed"] == "true"
        key["Occurred-At"] = "2020-02-29T11:00:00Z"
        other = await admin_client.post(f"{path}/pend", json=pend, headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        at = {"Occurred-At": "2020-03-02T09:00:00Z"}
        resolved = (await admin_client.post(f"{path}/resolve", json=resolution, headers=at)).json()
        assert resolved["resolved_at"] == "2020-03-02T09:00:00.000000Z"
        # Its own closure may still be told, so the present's upkeep leaves it alone for a while.
        assert datetime.fromisoformat(resolved["closes_at"]) > clock.now()
        async with database.session() as session:
            await jobs.close_resolved(session, {})
        assert (await admin_client.get(path)).json()["status"] == "resolved"
        # The clock was held for one request alone.
        assert str((await opened(agent_client))["created_at"]) > "2026"
