"""What would be: every fact can be stated, in any order of time that can be, and of nothing that cannot be seen."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.sla.clock_schemas import SimulatedFacts
from helpdesk_api.domains.tickets.condition_fields import TICKET
from tests.domains.sla.test_clocks import opened, slas
from tests.domains.sla.test_policies import drafted, first_in_order
from tests.factories.records import make_organization, make_team, make_user
from tests.fixtures.clients import AsUser

NOBODY = "7" * 32
PATH = "/v1/slas/simulate"


async def simulated(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    reply = await client.post(PATH, json=body)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found | {"clocks": {one["metric"]: one for one in found["clocks"]}}


def test_whatever_conditions_read_can_be_stated() -> None:
    assert SimulatedFacts.model_fields.keys() == TICKET.fields.keys()


async def published(admin: httpx.AsyncClient, **fields: Any) -> str:
    """A policy of two hours, tried before all others."""
    policy = await drafted(admin, **fields)
    await first_in_order(admin, policy)
    assert (await admin.post(f"/v1/sla-policies/{policy['id']}/publish", json={})).status_code == 200
    return str(policy["id"])


async def test_conditions_see_what_is_stated(
    admin_client: httpx.AsyncClient, database: Database, as_user: AsUser
) -> None:
    organization = await make_organization(database)
    member = await make_user(database, organization_id=organization.id)
    org, usr = f"org_{organization.id.hex}", f"usr_{member.id.hex}"
    conditions = {
        "all": [
            {"field": "tags", "op": "contains", "value": "vip"},
            {"field": "impact", "op": "eq", "value": "high"},
            {"field": "organization_id", "op": "eq", "value": org},
            {"field": "requester_id", "op": "eq", "value": usr},
        ]
    }
    policy = await published(admin_client, conditions=conditions)
    facts = {"tags": ["vip"], "impact": "high", "urgency": "low"}
    for client, more in ((admin_client, {"requester_id": usr}), (as_user(member), {})):
        found = await simulated(client, {"facts": {**facts, **more}})
        # The matrix makes a medium priority of it, and the organization is the requester's.
        assert found["clocks"]["resolution"]["policy_id"] == policy
    other = await simulated(admin_client, {"facts": {**facts, "requester_id": usr, "organization_id": None}})
    assert other["clocks"]["resolution"]["policy_id"] != policy


async def test_which_reason_pauses_is_the_policys(admin_client: httpx.AsyncClient) -> None:
    pauses = [{"metric": "resolution", "statuses": ["pending"], "pending_reasons": ["vendor"]}]
    await published(admin_client, pauses=pauses)
    states = {}
    for reason in ("vendor", "requester", None):
        changes = [{"action": "pend", "pending_reason": reason}]
        states[reason] = await simulated(admin_client, {"facts": {}, "changes": changes})
        facts = {"status": "pending", "pending_reason": reason}
        assert (await simulated(admin_client, {"facts": facts}))["clocks"].keys() == states[reason]["clocks"].keys()
    assert {reason: found["clocks"]["resolution"]["state"] for reason, found in states.items()} == {
        "vendor": "paused",
        "requester": "running",
        None: "running",
    }


async def test_what_lies_behind_now_is_honoured_and_what_lies_before_the_last_fact_is_refused(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
        ticket = await opened(requester_client)
        now.advance(hours=3)
        asked = {"ticket_id": ticket["id"], "changes": [{"at": "2026-03-02T10:00:00Z", "action": "pend"}]}
        found = await simulated(agent_client, asked)
        assert found["as_of"] == "2026-03-02T12:00:00Z"
        assert found["clocks"]["resolution"]["elapsed"]["working_seconds"] == 3600
        for changes, pointer in (
            ([{"at": "2026-03-02T08:59:59Z", "action": "pend"}], "#/changes/0/at"),
            ([{"action": "pend"}, {"at": "2026-03-02T11:00:00Z", "action": "resume"}], "#/changes/1/at"),
        ):
            refused = await agent_client.post(PATH, json={"ticket_id": ticket["id"], "changes": changes})
            assert (refused.status_code, refused.json()["code"]) == (422, "simulation_out_of_order")
            assert refused.json()["errors"][0]["pointer"] == pointer
        far = {"ticket_id": ticket["id"], "changes": [{"at": "2326-03-02T09:00:00Z", "action": "pend"}]}
        refused = await agent_client.post(PATH, json=far)
        assert (refused.status_code, refused.json()["code"]) == (422, "span_too_long")
        assert refused.json()["errors"][0]["pointer"] == "#/changes/0/at"
        # Of a ticket that was opened before, a change without an instant is one of now.
        facts = {"facts": {"created_at": "2026-03-02T09:00:00Z"}, "changes": [{"action": "pend"}]}
        assert (await simulated(agent_client, facts))["clocks"]["resolution"]["elapsed"]["working_seconds"] == 3 * 3600


async def test_a_requesters_word_moves_the_simulated_ticket_as_it_moves_the_real_one(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, admin_client: httpx.AsyncClient
) -> None:
    resolution = {"resolution_code": "fixed", "resolution_text": "Done."}
    for verb, body in (("pend", {"reason": "requester"}), ("resolve", resolution)):
        with clock.frozen(datetime.fromisoformat("2026-03-02T09:00:00+00:00")) as now:
            ticket = await opened(requester_client)
            asked = {
                "ticket_id": ticket["id"],
                "changes": [
                    {"at": "2026-03-02T10:00:00Z", "action": verb},
                    {"at": "2026-03-02T11:00:00Z", "action": "requester_reply"},
                ],
            }
            found = (await simulated(agent_client, asked))["clocks"]["resolution"]
            now.advance(hours=1)
            assert (await agent_client.post(f"/v1/tickets/{ticket['id']}/{verb}", json=body)).status_code == 200
            now.advance(hours=1)
            await requester_client.post(f"/v1/tickets/{ticket['id']}/comments", json={"body": "And?"})
            real = (await slas(requester_client, ticket))["resolution"]["ongoing_cycle"]
            assert found["elapsed"]["working_seconds"] == real["elapsed"]["working_seconds"] == 3600
            assert (found["state"], found["due_at"]) == (real["state"], real["due_at"])
    # What comes after the window is another ticket's.
    far = clock.now() + timedelta(days=2_000)
    late = {
        "facts": {},
        "changes": [{"action": "resolve"}, {"at": far.isoformat(), "action": "requester_reply"}],
    }
    assert (await simulated(agent_client, late))["clocks"]["resolution"]["state"] == "met"
    # Somebody waits for the answer to what reopened it, and is not asked whether they had asked before.
    await published(admin_client, targets=[{"metric": "next_response", "priority": "medium", "seconds": 3600}])
    words = [{"action": name} for name in ("reply", "requester_reply", "reply", "resolve", "requester_reply")]
    told = (await agent_client.post(PATH, json={"facts": {}, "changes": words})).json()["clocks"]
    assert [(one["cycle"], one["state"]) for one in told] == [(1, "met"), (2, "running")]
    words = [{"action": "requester_reply"}]
    told = (await agent_client.post(PATH, json={"facts": {"status": "resolved"}, "changes": words})).json()["clocks"]
    assert [one["state"] for one in told] == ["running"]


async def test_who_was_given_it_keeps_it(admin_client: httpx.AsyncClient) -> None:
    targets = [{"metric": "assignment", "priority": "medium", "seconds": 3600}]
    await published(admin_client, targets=targets)
    changes = [{"action": "assign"}, {"action": "pend"}, {"action": "resume"}]
    reply = await admin_client.post(PATH, json={"facts": {}, "changes": changes})
    assert [one["state"] for one in reply.json()["clocks"]] == ["met"]


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"facts": {"category_id": f"cat_{NOBODY}"}}, "unknown_reference", "#/facts/category_id"),
        ({"facts": {"team_id": f"tea_{NOBODY}"}}, "unknown_reference", "#/facts/team_id"),
        ({"facts": {"organization_id": f"org_{NOBODY}"}}, "unknown_reference", "#/facts/organization_id"),
        ({"facts": {"requester_id": f"usr_{NOBODY}"}}, "unknown_reference", "#/facts/requester_id"),
        ({"facts": {}, "changes": [{}, {"team_id": f"tea_{NOBODY}"}]}, "unknown_reference", "#/changes/1/team_id"),
        (
            {"facts": {}, "changes": [{"action": "assign", "assignee_id": f"usr_{NOBODY}"}]},
            "unknown_reference",
            "#/changes/0/assignee_id",
        ),
        (
            {"facts": {}, "changes": [{"action": "resume", "pending_reason": "vendor"}]},
            "simulation_contradictory",
            "#/changes/0/pending_reason",
        ),
        ({"facts": {"pending_reason": "vendor"}}, "simulation_contradictory", "#/facts/pending_reason"),
        ({"facts": {}, "changes": [{"action": "resume"}]}, "simulation_contradictory", "#/changes/0/action"),
        (
            {"facts": {}, "changes": [{"action": "pend"}, {"action": "resume"}, {"action": "resume"}]},
            "simulation_contradictory",
            "#/changes/2/action",
        ),
        (
            {"facts": {"status": "cancelled"}, "changes": [{"action": "assign"}]},
            "simulation_contradictory",
            "#/changes/0/action",
        ),
        (
            {"facts": {"status": "closed"}, "changes": [{"priority": "high"}]},
            "simulation_contradictory",
            "#/changes/0/priority",
        ),
    ],
)
async def test_what_cannot_be_is_said_where(
    admin_client: httpx.AsyncClient, body: dict[str, Any], code: str, pointer: str
) -> None:
    reply = await admin_client.post(PATH, json=body)
    assert (reply.status_code, reply.json()["code"]) == (422, code), reply.text
    assert reply.json()["errors"][0]["pointer"] == pointer


async def test_to_a_merged_ticket_nothing_happens_any_more(admin_client: httpx.AsyncClient) -> None:
    merged, into = [await opened(admin_client) for _ in range(2)]
    body = {"ticket_ids": [merged["id"]]}
    assert (await admin_client.post(f"/v1/tickets/{into['id']}/merge-in", json=body)).status_code == 200
    for change in ({"action": "requester_reply"}, {"action": "reply"}, {"priority": "high"}, {}):
        reply = await admin_client.post(PATH, json={"ticket_id": merged["id"], "changes": [change]})
        assert (reply.status_code, reply.json()["code"]) == (422, "simulation_contradictory")
        assert reply.json()["errors"][0]["pointer"] == "#/changes/0"
    as_it_is = await admin_client.post(PATH, json={"ticket_id": merged["id"]})
    assert {one["state"] for one in as_it_is.json()["clocks"]} == {"cancelled"}


async def test_what_requesters_do_not_see_they_cannot_name(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, database: Database
) -> None:
    team, organization = await make_team(database), await make_organization(database)
    somebody = await make_user(database, role=Role.AGENT)
    for name, key in (
        ("team_id", f"tea_{team.id.hex}"),
        ("organization_id", f"org_{organization.id.hex}"),
        ("requester_id", f"usr_{somebody.id.hex}"),
    ):
        body = {"facts": {name: key}}
        refused = await requester_client.post(PATH, json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_reference"), name
        await simulated(agent_client, body)
