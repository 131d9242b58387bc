"""Views: whose they are, what they show to whom, and their counts."""

from typing import Any

import httpx
import pytest
from sqlalchemy import update

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets import pages, ranking
from helpdesk_api.domains.tickets.grouping import GROUPS
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.views import actions, queries
from helpdesk_api.domains.views.enums import ViewGrouping
from helpdesk_api.domains.views.models import View
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

MINE = {"name": "Mine", "scope": "personal", "query": "requester:me"}


async def saved(client: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    reply = await client.post("/v1/views", json={**MINE, **fields})
    assert reply.status_code == 201, reply.text
    assert reply.headers["Location"] == f"/v1/views/{reply.json()['id']}"
    body: dict[str, Any] = reply.json()
    return body


async def names(client: httpx.AsyncClient) -> list[str]:
    return [view["name"] for view in (await client.get("/v1/views")).json()["data"]]


async def test_a_view_asks_for_whoever_opens_it(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    await opened(agent_client, subject="The agent's")
    await opened(admin_client, subject="The admin's")
    conditions = {"all": [{"field": "created_at", "op": "gte", "value": "-1d"}]}
    view = await saved(admin_client, name="My own requests", scope="shared", conditions=conditions, sort="number")
    for client, subject in ((agent_client, "The agent's"), (admin_client, "The admin's")):
        shown = (await client.get(f"/v1/views/{view['id']}/tickets", params={"counts": "true"})).json()
        assert [ticket["subject"] for ticket in shown["data"]] == [subject]
        assert shown["counts"]["status"] == {"open": 1}
        counts = (await client.get("/v1/views/counts")).json()["data"]
        assert counts == [{"view_id": view["id"], "count": 1, "is_exact": True}]


async def test_what_others_share_takes_nobodys_place(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MAX_VIEWS", 2)
    monkeypatch.setattr(queries, "MAX_VIEWS", 2)
    monkeypatch.setattr(queries, "COUNTED_VIEWS", 2)
    for client, scope in ((admin_client, "shared"), (agent_client, "personal")):
        for number in (1, 2):
            await saved(client, name=f"{scope} {number}", scope=scope)
        refused = await client.post("/v1/views", json={**MINE, "scope": scope})
        assert (refused.status_code, refused.json()["code"]) == (409, "too_many_views")
    listed = (await agent_client.get("/v1/views")).json()
    assert [view["name"] for view in listed["data"]] == ["personal 1", "personal 2", "shared 1", "shared 2"]
    assert (listed["total"], listed["total_is_exact"]) == (4, True)
    counts = (await agent_client.get("/v1/views/counts")).json()
    assert [one["view_id"] for one in counts["data"]] == [view["id"] for view in listed["data"][:2]]
    assert (counts["total"], counts["total_is_exact"]) == (2, False)
    named = {"view_ids": ",".join(view["id"] for view in listed["data"][2:])}
    rest = (await agent_client.get("/v1/views/counts", params=named)).json()
    assert (len(rest["data"]), rest["total_is_exact"]) == (2, True)


async def test_who_has_a_view_and_who_may_change_it(
    admin_client: httpx.AsyncClient,
    requester_client: httpx.AsyncClient,
    a_user: Make,
    a_team: Make,
    as_user: AsUser,
) -> None:
    team, member = await a_team(), await a_user(role=Role.SUPERVISOR)
    team_id = f"tea_{team.id.hex}"
    await admin_client.put(f"/v1/teams/{team_id}/members/usr_{member.id.hex}", json={})
    of_team, other = as_user(member), as_user(await a_user(role=Role.AGENT))
    own = await saved(other, name="Own")
    teams = await saved(of_team, name="Team's", scope="team", team_id=team_id)
    shared = await saved(admin_client, name="Shared", scope="shared")
    assert await names(other) == ["Own", "Shared"]
    assert await names(of_team) == ["Shared", "Team's"]
    assert await names(requester_client) == []
    for client, view in ((of_team, own), (other, teams), (requester_client, shared)):
        for path in ("", "/tickets"):
            reply = await client.get(f"/v1/views/{view['id']}{path}")
            assert (reply.status_code, reply.json()["code"]) == (404, "view_not_found")
        gone = await client.delete(f"/v1/views/{view['id']}")
        assert gone.status_code == 404
    refused = await other.patch(f"/v1/views/{shared['id']}", json={"name": "Mine now"})
    assert (refused.status_code, refused.json()["code"]) == (403, "view_forbidden")
    for body in ({"scope": "shared"}, {"scope": "team", "team_id": team_id}):
        reply = await other.post("/v1/views", json={**MINE, **body})
        assert (reply.status_code, reply.json()["code"]) == (403, "view_forbidden")
    assert (await requester_client.post("/v1/views", json=MINE)).status_code == 201
    assert await names(requester_client) == ["Mine"]
    # An archived team keeps what it has, and gets nothing new.
    await admin_client.post(f"/v1/teams/{team_id}/archive")
    reply = await of_team.post("/v1/views", json={**MINE, "scope": "team", "team_id": team_id})
    assert (reply.json()["code"], reply.json()["errors"][0]["pointer"]) == ("unknown_reference", "#/team_id")
    assert (await of_team.patch(f"/v1/views/{teams['id']}", json={"name": "Still"})).json()["team_id"] == team_id


async def test_a_column_that_is_named_twice_counts_once(agent_client: httpx.AsyncClient) -> None:
    view = await saved(agent_client, columns=["subject", "tags", "subject"])
    assert view["columns"] == ["subject", "tags"]
    changed = await agent_client.patch(f"/v1/views/{view['id']}", json={"columns": ["tags", "tags", "subject"]})
    assert changed.json()["columns"] == ["tags", "subject"]


async def test_a_view_is_changed_by_its_etag_and_goes(agent_client: httpx.AsyncClient) -> None:
    view = await saved(agent_client, columns=["subject", "tags"], group_by="priority")
    path = f"/v1/views/{view['id']}"
    read = await agent_client.get(path)
    assert read.json() == view
    etag = read.headers["ETag"]
    assert (await agent_client.get(path, headers={"If-None-Match": etag})).status_code == 304
    changed = await agent_client.patch(path, json={"query": None, "group_by": None}, headers={"If-Match": etag})
    assert (changed.json()["query"], changed.json()["group_by"], changed.json()["columns"]) == (
        None,
        None,
        ["subject", "tags"],
    )
    assert (await agent_client.delete(path, headers={"If-Match": etag})).status_code == 412
    assert (await agent_client.delete(path)).status_code == 204
    assert (await agent_client.delete(path)).status_code == 404


async def test_a_cursor_belongs_to_the_question_as_it_was(agent_client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await opened(agent_client)
    view = await saved(agent_client, sort="number")
    path = f"/v1/views/{view['id']}"
    first = (await agent_client.get(f"{path}/tickets", params={"limit": 2})).json()
    after = {"limit": 2, "cursor": first["next_cursor"]}
    assert len((await agent_client.get(f"{path}/tickets", params=after)).json()["data"]) == 1
    await agent_client.patch(path, json={"sort": "-priority,created_at"})
    stale = await agent_client.get(f"{path}/tickets", params=after)
    assert (stale.status_code, stale.json()["code"]) == (400, "invalid_cursor")


async def a_cost(client: httpx.AsyncClient) -> None:
    """A form that asks for one."""
    fields = [{"key": "cost", "kind": "number", "label": "Cost"}]
    assert (await client.post("/v1/forms", json={"name": "Purchase", "fields": fields})).status_code == 201


async def in_groups(client: httpx.AsyncClient, view: dict[str, Any], **params: Any) -> list[str]:
    """The subjects over pages of two, read to the end and back again."""
    path, asked = f"/v1/views/{view['id']}/tickets", {"limit": 2, **params}
    page = (await client.get(path, params=asked)).json()
    read, before = [row["subject"] for row in page["data"]], page
    while page["next_cursor"] is not None:
        before, page = page, (await client.get(path, params={**asked, "cursor": page["next_cursor"]})).json()
        read += [row["subject"] for row in page["data"]]
    if page["prev_cursor"] is not None:
        back = (await client.get(path, params={**asked, "cursor": page["prev_cursor"]})).json()
        assert back["data"] == before["data"]
    return read


async def test_rows_come_in_groups_over_all_pages(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, a_team: Make, a_user: Make, database: Database
) -> None:
    assert {grouping.value for grouping in ViewGrouping} == GROUPS
    await a_cost(admin_client)
    teams = [await a_team(name=name) for name in ("beta", "Alpha")]
    people = [await a_user(name=name, role=Role.AGENT) for name in ("bert", "Anna", "anne")]
    priorities = ["low", "critical", "medium", "high", "critical", "low"]
    statuses = ["closed", "pending", "open", "resolved", "in_progress", "open"]
    states = ["met", None, "running", "breached", "paused", "breached"]
    for number, (priority, status, state) in enumerate(zip(priorities, statuses, states, strict=True)):
        ticket = await opened(admin_client, subject=str(number))
        values = {"priority": priority, "status": status, "sla_state": state}
        values |= {"resolution_code": "fixed"} if status == "resolved" else {}
        values |= {"pending_reason": "vendor"} if status == "pending" else {}
        values["team_id"] = teams[number % 2].id if number < 4 else None
        values["assignee_id"] = people[number % 3].id if number != 2 else None
        id_ = parse_id("tkt", ticket["id"])
        async with database.session() as session:
            await session.execute(update(Ticket).where(Ticket.id == id_).values(**values))
    view = await saved(admin_client, group_by="priority", sort="created_at", scope="shared", query=None)
    for group_by, order in (
        ("priority", "143205"),
        ("status", "254130"),
        ("sla_state", "352401"),
        ("team_id", "130245"),
        ("assignee_id", "145032"),
        (None, "012345"),
    ):
        path = f"/v1/views/{view['id']}"
        assert (await admin_client.patch(path, json={"group_by": group_by})).status_code == 200
        assert "".join(await in_groups(admin_client, view)) == order, group_by
    await admin_client.patch(f"/v1/views/{view['id']}", json={"group_by": "priority"})
    assert "".join(await in_groups(admin_client, view, sort="-number")) == "413250"
    assert "".join(await in_groups(admin_client, view, sort="cf_cost")) == "143205"
    await admin_client.patch(f"/v1/views/{view['id']}", json={"query": '"five minutes"'})
    assert "".join(await in_groups(admin_client, view, sort="relevance")) == "413250"
    shown = (await admin_client.get(f"/v1/views/{view['id']}/tickets", params={"counts": "true"})).json()
    assert shown["counts"]["priority"] == {"critical": 2, "high": 1, "medium": 1, "low": 2}
    assert shown["counts"]["assignee_id"] is None
    await admin_client.patch(f"/v1/views/{view['id']}", json={"group_by": "assignee_id"})
    shown = (await admin_client.get(f"/v1/views/{view['id']}/tickets", params={"counts": "true"})).json()
    named = [public_id("usr", one.id) for one in people]
    assert shown["counts"]["assignee_id"] == dict(zip([*named, "none"], (2, 2, 1, 1), strict=True))
    assert shown["order_is_exact"] is True
    refused = await agent_client.post("/v1/views", json={**MINE, "group_by": "subject"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/group_by")


async def test_groups_are_of_the_newest_matches_and_the_answer_says_so(
    agent_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "SORTED", 3)
    monkeypatch.setattr(pages, "_page_read", pages._page_read.__wrapped__)
    await a_cost(admin_client)
    for number in range(4):
        await opened(agent_client, subject=str(number))
    view = await saved(agent_client, group_by="status", sort="number", query=None)
    path = f"/v1/views/{view['id']}/tickets"
    shown = (await agent_client.get(path)).json()
    assert ([row["subject"] for row in shown["data"]], shown["order_is_exact"]) == (["1", "2", "3"], False)
    fewer = (await agent_client.get("/v1/tickets", params={"sort": "cf_cost", "query": "subject:3"})).json()
    assert ([row["subject"] for row in fewer["data"]], fewer["order_is_exact"]) == (["3"], True)
    listed = (await agent_client.get("/v1/tickets", params={"sort": "cf_cost"})).json()
    assert (len(listed["data"]), listed["order_is_exact"]) == (3, False)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"query": "colour:red"}, "invalid_query", "#/query"),
        ({"conditions": {"field": "colour", "op": "eq", "value": 1}}, "invalid_conditions", "#/conditions/field"),
        ({"scope": "team"}, "view_team_required", "#/team_id"),
        ({"scope": "team", "team_id": f"tea_{'0' * 32}"}, "unknown_reference", "#/team_id"),
        ({"columns": ["money"]}, "validation_failed", "#/columns/0"),
        ({"sort": "relevance"}, "relevance_needs_text", "#/sort"),
        ({"sort": "relevance", "query": "-vpn is:open"}, "relevance_needs_text", "#/sort"),
    ],
)
async def test_what_cannot_be_saved(
    admin_client: httpx.AsyncClient, body: dict[str, Any], code: str, pointer: str
) -> None:
    reply = await admin_client.post("/v1/views", json={**MINE, **body})
    assert (reply.json()["code"], reply.json()["errors"][0]["pointer"]) == (code, pointer), reply.text
    assert await names(admin_client) == []


async def test_an_order_by_relevance_keeps_its_text(agent_client: httpx.AsyncClient) -> None:
    view = await saved(agent_client, sort="relevance", query="vpn")
    path = f"/v1/views/{view['id']}"
    for body, code in (
        ({"query": "is:open"}, "relevance_needs_text"),
        ({"query": None}, "relevance_needs_text"),
        ({"name": "Best first", "conditions": {"field": "status", "op": "eq", "value": "open"}}, None),
        ({"query": None, "conditions": {"field": "text", "op": "matches", "value": "vpn"}}, None),
        ({"query": "is:open", "sort": "number"}, None),
        ({"sort": "relevance"}, None),
        ({"conditions": {"field": "status", "op": "eq", "value": "open"}}, "relevance_needs_text"),
        ({"conditions": {"field": "status", "op": "eq", "value": "open"}, "sort": "number"}, None),
        ({"sort": "relevance"}, "relevance_needs_text"),
        ({"query": "-vpn"}, None),
        ({"sort": "relevance"}, "relevance_needs_text"),
        ({"query": "vpn", "sort": "relevance"}, None),
    ):
        reply = await agent_client.patch(path, json=body)
        assert reply.json().get("code") == code, reply.text
        assert (await agent_client.get(f"{path}/tickets")).status_code == 200


async def test_a_question_of_yesterday_counts_nothing_and_breaks_nothing(
    agent_client: httpx.AsyncClient, database: Database
) -> None:
    good, old = await saved(agent_client, name="A"), await saved(agent_client, name="B")
    async with database.session() as session:
        await session.execute(update(View).where(View.name == "B").values(query="dropped:field"))
    counts = (await agent_client.get("/v1/views/counts")).json()["data"]
    assert [(row["view_id"], row["count"]) for row in counts] == [(good["id"], 0), (old["id"], None)]
    some = await agent_client.get("/v1/views/counts", params={"view_ids": good["id"]})
    assert [row["view_id"] for row in some.json()["data"]] == [good["id"]]
    reply = await agent_client.get(f"/v1/views/{old['id']}/tickets")
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_query")


async def test_a_view_says_what_its_reader_may_do_with_it(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    shared = await admin_client.post("/v1/views", json={"name": "All", "scope": "shared"})
    assert shared.status_code == 201, shared.text
    mine = await agent_client.post("/v1/views", json={"name": "Mine", "scope": "personal"})
    listed = {row["name"]: row for row in (await agent_client.get("/v1/views")).json()["data"]}
    for view, client, allowed, reason in (
        (shared.json(), admin_client, True, None),
        (mine.json(), agent_client, True, None),
        (listed["All"], agent_client, False, "not_permitted"),
        (listed["Mine"], agent_client, True, None),
    ):
        path = f"/v1/views/{view['id']}"
        for one in (view, (await client.get(path)).json()):
            shown = [(action["action"], action["allowed"], action["reason_code"]) for action in one["allowed_actions"]]
            assert shown == [("update", allowed, reason), ("delete", allowed, reason)]
        changed = await client.patch(path, json={"sort": "-priority"})
        assert changed.status_code == (200 if allowed else 403)
        if allowed:
            assert changed.json()["allowed_actions"] == view["allowed_actions"]
