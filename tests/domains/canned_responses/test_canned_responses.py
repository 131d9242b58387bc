"""Canned responses: whose they are, and that what they say is for everybody's eyes."""

from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from tests.domains.assignments.desk import open_ticket, refused, tea
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

PATH = "/v1/canned-responses"
GREETING = {
    "title": "Greeting",
    "body": "Hello {{ requester.first_name }}: {{ ticket.reference }}",
    "scope": "personal",
}


async def saved(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    reply = await client.post(PATH, json={**GREETING, **fields})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    assert reply.headers["Location"] == f"{PATH}/{made['id']}"
    return made


async def titles(client: httpx.AsyncClient, **params: Any) -> list[str]:
    reply = await client.get(PATH, params=params)
    return [one["title"] for one in reply.json()["data"]]


async def test_it_is_filled_in_for_a_ticket(a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient) -> None:
    requester = as_user(await a_user(name="Mara Lindqvist"))
    ticket = await open_ticket(requester, tags=["vpn"])
    body = (
        "Hello {{ requester.first_name }}, {{ ticket.reference }} is {{ ticket.status }}{{ ticket.team }}."
        " *{{ ticket.tags | join }}*"
    )
    made = await saved(agent_client, body=body)
    reply = await agent_client.post(f"{PATH}/{made['id']}/render", json={"ticket_id": ticket["reference"]})
    assert reply.status_code == 200, reply.text
    assert reply.json() == {
        "ticket_id": ticket["id"],
        "body": f"Hello Mara, {ticket['reference']} is open. *vpn*",
        "body_html": f"<p>Hello Mara, {ticket['reference']} is open. <em>vpn</em></p>\n",
    }
    said = await agent_client.get(f"/v1/tickets/{ticket['id']}/comments")
    assert said.json()["data"] == []


async def test_a_ticket_that_is_hidden_fills_nothing(
    a_user: Make, a_team: Make, a_ticket: Make, as_user: AsUser
) -> None:
    hidden = await a_ticket(team_id=(await a_team(auto_assign=False)).id)
    agent = as_user(await a_user(role=Role.AGENT))
    made = await saved(agent)
    reply = await agent.post(f"{PATH}/{made['id']}/render", json={"ticket_id": f"tkt_{hidden.id.hex}"})
    refused(reply, 404, "ticket_not_found")


@pytest.mark.parametrize(
    "field", ["priority_reason", "internal_comment_count", "merged_into_id", "awaits_member", "id"]
)
async def test_internal_fields_are_no_placeholders(agent_client: httpx.AsyncClient, field: str) -> None:
    reply = await agent_client.post(PATH, json={**GREETING, "body": f"One\nTwo {{{{ ticket.{field} }}}}"})
    problem = refused(reply, 422, "invalid_template", "#/body")
    assert problem["errors"][0]["params"] == {"line": 2, "column": 8}
    assert await titles(agent_client) == []


async def test_one_that_loops_is_refused_or_ends(
    agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    ranged = await agent_client.post(PATH, json={**GREETING, "body": "{% for i in (1..999999999) %}x{% endfor %}"})
    refused(ranged, 422, "invalid_template", "#/body")
    ticket = await open_ticket(requester_client, tags=[f"t{n}" for n in range(30)])
    loop = "{% for a in ticket.tags %}{% for b in ticket.tags %}x{% endfor %}{% endfor %}"
    made = await saved(agent_client, body=loop)
    reply = await agent_client.post(f"{PATH}/{made['id']}/render", json={"ticket_id": ticket["id"]})
    refused(reply, 422, "template_limit_reached", "#/body")


async def test_whose_it_is(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, a_user: Make, a_team: Make, as_user: AsUser
) -> None:
    team = await a_team()
    lead, other = as_user(await a_user(role=Role.SUPERVISOR, teams=[team])), as_user(await a_user(role=Role.AGENT))
    own = await saved(other, title="Own")
    teams = await saved(lead, title="Team's", scope="team", team_id=tea(team))
    shared = await saved(admin_client, title="Shared", scope="shared")
    assert await titles(other) == ["Own", "Shared"]
    assert await titles(lead) == ["Shared", "Team's"]
    assert await titles(requester_client) == []
    for client, made in ((lead, own), (other, teams), (requester_client, shared)):
        refused(await client.get(f"{PATH}/{made['id']}"), 404, "canned_response_not_found")
        refused(await client.delete(f"{PATH}/{made['id']}"), 404, "canned_response_not_found")
    refused(await other.patch(f"{PATH}/{shared['id']}", json={"title": "Mine"}), 403, "sharing_forbidden")
    assert {one["reason_code"] for one in (await other.get(f"{PATH}/{shared['id']}")).json()["allowed_actions"]} == {
        "not_permitted"
    }
    assert all(one["allowed"] for one in shared["allowed_actions"])
    refused(await requester_client.post(PATH, json=GREETING), 403, "sharing_forbidden")
    refused(await other.post(PATH, json={**GREETING, "scope": "shared"}), 403, "sharing_forbidden")
    refused(await lead.post(PATH, json={**GREETING, "scope": "team"}), 422, "sharing_team_required", "#/team_id")
    # An archived team keeps what it has, and gets nothing new.
    await admin_client.post(f"/v1/teams/{tea(team)}/archive")
    named = {**GREETING, "scope": "team", "team_id": tea(team)}
    refused(await lead.post(PATH, json=named), 422, "unknown_reference", "#/team_id")
    assert (await lead.patch(f"{PATH}/{teams['id']}", json={"title": "Still"})).json()["team_id"] == tea(team)


async def test_by_category_and_by_etag(agent_client: httpx.AsyncClient, a_category: Make) -> None:
    network, printers = [f"cat_{one.id.hex}" for one in (await a_category(), await a_category())]
    await saved(agent_client, title="A")
    made = await saved(agent_client, title="B", category_id=network)
    assert await titles(agent_client) == ["A", "B"]
    assert await titles(agent_client, category_id=network) == ["A", "B"]
    assert await titles(agent_client, category_id=printers) == ["A"]
    path = f"{PATH}/{made['id']}"
    etag = (await agent_client.get(path)).headers["ETag"]
    assert (await agent_client.get(path, headers={"If-None-Match": etag})).status_code == 304
    changed = await agent_client.patch(path, json={"title": "C", "category_id": None}, headers={"If-Match": etag})
    assert (changed.json()["title"], changed.json()["category_id"]) == ("C", None)
    refused(await agent_client.patch(path, json={"title": "D"}, headers={"If-Match": etag}), 412, "precondition_failed")
    unknown = await agent_client.patch(path, json={"category_id": "cat_" + "f" * 32})
    refused(unknown, 422, "unknown_reference", "#/category_id")
    assert (await agent_client.delete(path)).status_code == 204
    assert await titles(agent_client) == ["A"]
