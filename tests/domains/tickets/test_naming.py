"""Names in questions: whom they mean, and that nobody learns of somebody by asking."""

from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from tests.domains.tickets.test_search import found, opened, searched
from tests.factories.records import Make
from tests.fixtures.clients import AsUser


@pytest.fixture
async def diego(a_user: Make, a_team: Make) -> Any:
    return await a_user(
        role=Role.AGENT, name="Diego Marín", email="diego@desk.test", teams=[await a_team(name="Network")]
    )


async def refused(client: httpx.AsyncClient, query: str) -> dict[str, Any]:
    reply = await client.get("/v1/tickets", params={"query": query})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_query"), reply.text
    wrong: dict[str, Any] = reply.json()["errors"][0]
    return wrong


async def test_people_teams_categories_and_organizations_go_by_name(
    diego: Any, admin_client: httpx.AsyncClient, an_organization: Make, a_category: Make, a_user: Make, as_user: AsUser
) -> None:
    company = await an_organization(name="Orchard Ltd")
    category = await a_category(name="VPN")
    asking = as_user(await a_user(name="Ann Lee", organization_id=company.id))
    ticket = await opened(asking, subject="Asked", category_id=f"cat_{category.id.hex}")
    await opened(admin_client, subject="Other")
    body = {"assignee_id": f"usr_{diego.id.hex}"}
    assert (await admin_client.post(f"/v1/tickets/{ticket['id']}/assignments", json=body)).status_code == 201
    for query in (
        'assignee:"Diego Marín"',
        'assignee:"diego marín"',
        "assignee:diego@desk.test",
        "assignee:DIEGO@desk.test,me",
        f"assignee:usr_{diego.id.hex}",
        'requester:"Ann Lee"',
        "category:vpn",
        'organization:"orchard ltd"',
        '-requester:"Ann Lee" OR category:vpn',
    ):
        assert "Asked" in await found(admin_client, query), query
    assert await found(admin_client, 'category:vpn -assignee:"Diego Marín"') == []
    assert await found(admin_client, "team:network") == []


async def test_the_answer_shows_what_was_understood(diego: Any, admin_client: httpx.AsyncClient) -> None:
    query = 'is:open (assignee:"diego marín" OR -priority:>=high) created:2026-03-29'
    answer = await searched(admin_client, query=query, conditions={"field": "assignee_id", "op": "ne", "value": "me"})
    me = (await admin_client.get("/v1/me")).json()["id"]
    diego_id = f"usr_{diego.id.hex}"
    assert answer["understood"] == {
        "conditions": {
            "all": [
                {"field": "assignee_id", "op": "ne", "value": me},
                {"field": "status", "op": "in", "value": ["open", "in_progress", "pending"]},
                {
                    "any": [
                        {"field": "assignee_id", "op": "eq", "value": diego_id},
                        {"not": {"field": "priority", "op": "gte", "value": "high"}},
                    ]
                },
                {"field": "created_at", "op": "gte", "value": "2026-03-29T00:00:00Z"},
                {"field": "created_at", "op": "lt", "value": "2026-03-30T00:00:00Z"},
            ]
        },
        "names": {diego_id: "Diego Marín"},
    }
    again = await searched(admin_client, conditions=answer["understood"]["conditions"])
    assert again["understood"] == {**answer["understood"], "names": {}}
    listed = (await admin_client.get("/v1/tickets", params={"query": 'assignee:"Diego Marín"'})).json()
    assert listed["understood"]["conditions"] == {"field": "assignee_id", "op": "eq", "value": diego_id}
    assert (await admin_client.get("/v1/tickets", params={"query": " "})).json()["understood"] is None


async def test_a_name_that_means_nobody_or_several(
    diego: Any, admin_client: httpx.AsyncClient, a_user: Make, agent_client: httpx.AsyncClient
) -> None:
    wrong = await refused(agent_client, 'is:open assignee:"Diego Marin"')
    assert (wrong["code"], wrong["parameter"]) == ("unknown_name", "query")
    assert wrong["params"] == {"column": 18, "did_you_mean": ["Diego Marín"]}
    assert "did you mean `Diego Marín`?" in wrong["detail"]
    body = await agent_client.post("/v1/tickets/search", json={"query": "team:netwerk"})
    assert body.json()["errors"][0]["pointer"] == "#/query"
    assert body.json()["errors"][0]["params"]["did_you_mean"] == ["Network"]
    twins = [await a_user(name="Diego Marín") for _ in range(7)]
    wrong = await refused(agent_client, 'assignee:"Diego Marín"')
    assert (wrong["code"], wrong["params"]["column"]) == ("ambiguous_name", 10)
    assert len(wrong["params"]["candidates"]) == 5
    assert "and others" in wrong["detail"]
    assert set(wrong["params"]["candidates"]) <= {f"Diego Marín (usr_{one.id.hex})" for one in [diego, *twins]}
    # An address is one person's, whoever else is called the same.
    assert await found(agent_client, "assignee:diego@desk.test") == []
    assert (await refused(agent_client, "assignee:%"))["params"]["did_you_mean"] == []


async def test_a_requester_knows_the_names_on_their_own_tickets_alone(
    diego: Any, requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient
) -> None:
    ticket = await opened(requester_client, subject="Mine")
    path, diego_id = f"/v1/tickets/{ticket['id']}/assignments", f"usr_{diego.id.hex}"
    unknown = await refused(requester_client, 'assignee:"Diego Marín"')
    assert unknown["code"] == "unknown_name"
    assert unknown["params"]["did_you_mean"] == []
    assert (await refused(requester_client, 'assignee:"Diego Marin"'))["params"]["did_you_mean"] == []
    assert (await refused(requester_client, "team:network"))["code"] == "unknown_name"
    team_id = f"tea_{diego_team(await admin_client.get('/v1/teams'))}"
    given = await admin_client.post(path, json={"assignee_id": diego_id, "team_id": team_id})
    assert given.status_code == 201, given.text
    assert await found(requester_client, 'assignee:"Diego Marín"') == ["Mine"]
    assert await found(requester_client, "team:network") == ["Mine"]
    assert (await refused(requester_client, 'assignee:"Diego Marin"'))["params"]["did_you_mean"] == ["Diego Marín"]
    # A ticket shows no addresses, so an address finds nobody but oneself.
    assert (await refused(requester_client, "assignee:diego@desk.test"))["code"] == "unknown_name"
    me = (await requester_client.get("/v1/me")).json()
    assert await found(requester_client, f"requester:{me['email']}") == ["Mine"]


def diego_team(reply: httpx.Response) -> str:
    return next(team["id"] for team in reply.json()["data"] if team["name"] == "Network").removeprefix("tea_")


async def test_views_and_bulk_jobs_take_names(diego: Any, admin_client: httpx.AsyncClient) -> None:
    ticket = await opened(admin_client, subject="Theirs")
    body = {"assignee_id": f"usr_{diego.id.hex}"}
    assert (await admin_client.post(f"/v1/tickets/{ticket['id']}/assignments", json=body)).status_code == 201
    query = 'assignee:"Diego Marín"'
    view = await admin_client.post("/v1/views", json={"name": "Theirs", "scope": "personal", "query": query})
    assert view.status_code == 201, view.text
    shown = (await admin_client.get(f"/v1/views/{view.json()['id']}/tickets")).json()
    assert [row["subject"] for row in shown["data"]] == ["Theirs"]
    assert shown["understood"]["names"] == {f"usr_{diego.id.hex}": "Diego Marín"}
    renamed = await admin_client.patch(f"/v1/users/usr_{diego.id.hex}", json={"name": "Diego M."})
    assert renamed.status_code == 200, renamed.text
    counts = (await admin_client.get("/v1/views/counts")).json()["data"]
    assert [row["count"] for row in counts] == [None]
    gone = await admin_client.get(f"/v1/views/{view.json()['id']}/tickets")
    assert (gone.status_code, gone.json()["errors"][0]["code"]) == (400, "unknown_name")
    steps = [{"op": "update", "body": {"tags": ["theirs"]}}]
    job = {"query": 'assignee:"Diego M."', "expected_count": 1, "steps": steps}
    begun = await admin_client.post("/v1/bulk-jobs", json=job)
    assert begun.status_code == 202, begun.text
    unknown = await admin_client.post("/v1/bulk-jobs", json={**job, "query": 'assignee:"Diego Marín"'})
    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (400, "unknown_name")
