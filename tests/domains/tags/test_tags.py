"""Tags: counted for whoever asks, renamed everywhere, each ticket once, whoever is killed in between."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tags import renaming
from helpdesk_api.domains.tags.models import TagRename
from helpdesk_api.domains.tags.rules import renamed_in_query, renamed_in_tree
from helpdesk_api.domains.users.models import User
from helpdesk_api.jobs.runner import run_due
from helpdesk_api.wiring import JOBS
from tests.domains.alerts.sending import a_body, an_alert, an_integration, taken
from tests.domains.assignments.desk import open_ticket, refused
from tests.domains.sla.test_policies import drafted
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

RENAMES = "/v1/tag-renames"
LEAF = {"field": "tags", "op": "contains", "value": "old"}


async def begun(client: httpx.AsyncClient, name: str = "old", new_name: str = "new") -> dict[str, Any]:
    reply = await client.post(RENAMES, json={"name": name, "new_name": new_name})
    assert reply.status_code == 202, reply.text
    rename: dict[str, Any] = reply.json()
    assert reply.headers["Location"] == f"{RENAMES}/{rename['id']}"
    return rename


async def tags_of(client: httpx.AsyncClient, ticket: dict[str, Any]) -> list[str]:
    found: list[str] = (await client.get(f"/v1/tickets/{ticket['id']}")).json()["tags"]
    return found


async def one_batch(database: Database, *, killed: bool = False) -> None:
    async with database.session() as session:
        (rename_id,) = (await session.scalars(select(TagRename.id))).all()
        await renaming.run(session, {"rename_id": rename_id.hex})
        if killed:
            raise KeyboardInterrupt


async def test_counts_are_of_what_one_sees(
    admin_client: httpx.AsyncClient,
    requester_client: httpx.AsyncClient,
    a_team: Make,
    a_ticket: Make,
    agent_client: httpx.AsyncClient,
) -> None:
    await a_ticket(team_id=(await a_team(auto_assign=False)).id, tags=["vpn", "secret"])
    await open_ticket(requester_client, tags=["vpn", "vista"])
    counts = {}
    for name, client in (("admin", admin_client), ("agent", agent_client), ("requester", requester_client)):
        page = (await client.get("/v1/tags")).json()
        assert page["is_exact"]
        counts[name] = [(tag["name"], tag["count"]) for tag in page["data"]]
    assert counts["admin"] == [("vpn", 2), ("secret", 1), ("vista", 1)]
    assert counts["agent"] == counts["requester"] == [("vista", 1), ("vpn", 1)]
    some = await admin_client.get("/v1/tags", params={"prefix": "vi"})
    assert [tag["name"] for tag in some.json()["data"]] == ["vista"]


async def test_every_ticket_once_though_a_worker_is_killed(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    both = await open_ticket(requester_client, tags=["new", "old", "other"])
    plain = await open_ticket(requester_client, tags=["other"])
    many = [await open_ticket(requester_client, tags=["old"]) for _ in range(renaming.BATCH + 3)]
    rename = await begun(admin_client)
    assert (rename["status"], rename["total"], rename["done"]) == ("queued", renaming.BATCH + 4, 0)
    with pytest.raises(KeyboardInterrupt):
        await one_batch(database, killed=True)
    assert await tags_of(admin_client, both) == ["new", "old", "other"]
    await one_batch(database)
    half = (await admin_client.get(f"{RENAMES}/{rename['id']}")).json()
    assert (half["status"], half["done"]) == ("running", renaming.BATCH)
    late = await open_ticket(requester_client, tags=["old"])
    await run_due(database, JOBS)
    ended = (await admin_client.get(f"{RENAMES}/{rename['id']}")).json()
    assert (ended["status"], ended["done"]) == ("done", renaming.BATCH + 5)
    assert await tags_of(admin_client, both) == ["new", "other"]
    assert await tags_of(admin_client, plain) == ["other"]
    for ticket in (many[0], many[-1], late):
        assert await tags_of(admin_client, ticket) == ["new"]
    history = (await requester_client.get(f"/v1/tickets/{both['id']}/history")).json()["data"]
    changes = [change for event in history if event["type"] == "ticket.updated" for change in event["changes"]]
    assert changes == [{"field": "tags", "before": ["new", "old", "other"], "after": ["new", "other"]}]
    # Another run of a rename that has ended does nothing.
    await one_batch(database)
    assert (await admin_client.get(f"{RENAMES}/{rename['id']}")).json() == ended


async def test_two_at_once_do_not_chase_each_other(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    ticket = await open_ticket(requester_client, tags=["old", "new"])
    pairs = (("old", "new"), ("new", "old"))
    replies = await asyncio.gather(
        *(admin_client.post(RENAMES, json={"name": name, "new_name": new_name}) for name, new_name in pairs)
    )
    assert sorted(reply.status_code for reply in replies) == [202, 409]
    refused(next(reply for reply in replies if reply.status_code == 409), 409, "tag_rename_running")
    await run_due(database, JOBS)
    assert len(await tags_of(admin_client, ticket)) == 1
    assert (await begun(admin_client, "new", "newer"))["status"] == "queued"


async def test_what_names_it_follows(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    tree = {"all": [{"not": LEAF}, {"any": [{"field": "tags", "op": "in", "value": ["old", "new"]}]}]}
    view = await agent_client.post("/v1/views", json={"name": "V", "scope": "personal", "conditions": tree})
    steps = [{"op": "update", "body": {"tags": ["old", "x"]}}]
    macro = await agent_client.post(
        "/v1/macros", json={"title": "M", "scope": "personal", "steps": steps, "conditions": LEAF}
    )
    template = await admin_client.post("/v1/ticket-templates", json={"name": "T", "fields": {"tags": ["old"]}})
    rule = await admin_client.post("/v1/routing-rules", json={"name": "R", "conditions": LEAF, "add_tags": ["old"]})
    hook = await admin_client.post("/v1/webhooks", json={"url": "https://hooks.example.com/a", "conditions": LEAF})
    alerts = await an_integration(admin_client, rules=[{"conditions": {"all": []}, "tags": ["x", "old"]}])
    firing = [(await taken(admin_client, alerts["routing_key"], a_body(an_alert(instance="a"))))[0]]
    assert {reply.status_code for reply in (view, macro, template, rule, hook)} == {201}, hook.text
    asked = 'is:open (tag:x,old OR  -tag:"old") "tag:old" subject:old tag:older'
    typed = await agent_client.post("/v1/views", json={"name": "Q", "scope": "personal", "query": asked})
    beside = await agent_client.post("/v1/views", json={"name": "B", "scope": "personal", "query": '"old" tag:older'})
    unsayable = await admin_client.post(RENAMES, json={"name": "old", "new_name": 'o"d'})
    refused(unsayable, 422, "tag_not_in_queries", "#/new_name")
    await begun(admin_client)
    followed = (await agent_client.get(typed.headers["Location"])).json()
    assert followed["query"] == 'is:open (tag:x,new OR  -tag:new) "tag:old" subject:old tag:older'
    assert (await agent_client.get(beside.headers["Location"])).headers["ETag"] == beside.headers["ETag"]
    read = (await agent_client.get(view.headers["Location"])).json()
    new = {**LEAF, "value": "new"}
    assert read["conditions"] == {"all": [{"not": new}, {"any": [{"field": "tags", "op": "in", "value": ["new"]}]}]}
    stale = {"If-Match": view.headers["ETag"]}
    refused(
        await agent_client.patch(view.headers["Location"], json={"name": "W"}, headers=stale),
        412,
        "precondition_failed",
    )
    changed = (await agent_client.get(macro.headers["Location"])).json()
    assert (changed["conditions"], changed["steps"][0]["body"]["tags"]) == (new, ["new", "x"])
    assert (await admin_client.get(template.headers["Location"])).json()["fields"]["tags"] == ["new"]
    assert (await admin_client.get(hook.headers["Location"])).json()["conditions"] == new
    routed = await open_ticket(requester_client, tags=["new"])
    assert routed["tags"] == ["new"]
    firing += await taken(admin_client, alerts["routing_key"], a_body(an_alert(instance="b")))
    assert [await tags_of(admin_client, {"id": one["ticket_id"]}) for one in firing] == [["x", "old"], ["x", "new"]]
    held = (await admin_client.get(f"/v1/alert-integrations/{alerts['id']}")).json()
    assert [rule["tags"] for rule in held["rules"]] == [["x", "new"]]
    rules = (await admin_client.get("/v1/routing-rules")).json()["data"]
    assert [(one["conditions"], one["add_tags"]) for one in rules] == [(new, ["new"])]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("tag:old", "tag:new name"),
        ("tag:new,old", "tag:new,new name"),
        ("tag:a,old,b -(tag:old)", "tag:a,new name,b -(tag:new name)"),
        ("tag:older", "tag:older"),
        ("tag:(", "tag:("),
    ],
)
def test_a_query_keeps_every_word_but_the_tag(query: str, shown: str) -> None:
    assert renamed_in_query(query, "old", "new name") == shown.replace("new name", '"new name"')


def test_a_query_does_not_grow_beyond_its_length() -> None:
    query = "tag:old OR " * 150 + "tag:old"
    assert renamed_in_query(query, "old", "older") == query.replace("old", "older")
    with pytest.raises(ValueError, match="too long"):
        renamed_in_query(query, "old", "n" * 50)


async def test_a_policy_that_names_it_stands_in_the_way(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    view = await agent_client.post("/v1/views", json={"name": "Q", "scope": "personal", "query": "tag:old"})
    policy = await drafted(admin_client, conditions=LEAF)
    reply = await admin_client.post(RENAMES, json={"name": "old", "new_name": "new"})
    refused(reply, 409, "tag_in_policy")
    assert reply.json()["params"] == {"policy_ids": [policy["id"]]}
    assert (await agent_client.get(view.headers["Location"])).json()["query"] == "tag:old"
    assert (await admin_client.get(RENAMES)).json()["data"] == []


def test_only_comparisons_of_tags_are_rewritten() -> None:
    other = {"field": "subject", "op": "eq", "value": "old"}
    assert renamed_in_tree({"any": [other, LEAF]}, "old", "new") == {"any": [other, {**LEAF, "value": "new"}]}
    assert renamed_in_tree(None, "old", "new") is None


async def test_who_may(
    admin_client: httpx.AsyncClient, supervisor_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    for client in (supervisor_client, requester_client):
        refused(await client.post(RENAMES, json={"name": "a", "new_name": "b"}), 403, "missing_scope")
        refused(await client.get(RENAMES), 403, "missing_scope")
    same = await admin_client.post(RENAMES, json={"name": "a", "new_name": "a"})
    refused(same, 422, "tag_unchanged", "#/new_name")
    refused(await admin_client.get(f"{RENAMES}/tag_{'f' * 32}"), 404, "tag_rename_not_found")


async def test_its_author_has_to_be_there(
    a_user: Make,
    as_user: AsUser,
    requester_client: httpx.AsyncClient,
    database: Database,
    admin_client: httpx.AsyncClient,
) -> None:
    ticket = await open_ticket(requester_client, tags=["old"])
    author = await a_user(role=Role.ADMIN)
    rename = await begun(as_user(author))
    async with database.session() as session:
        await session.execute(update(User).where(User.id == author.id).values(deactivated_at=clock.now()))
        await invalidate(session, "grants", author.id.hex)
    await run_due(database, JOBS)
    ended = (await admin_client.get(f"{RENAMES}/{rename['id']}")).json()
    assert (ended["status"], ended["problem_code"], ended["done"]) == ("failed", "caller_gone", 0)
    assert await tags_of(admin_client, ticket) == ["old"]
    assert (await begun(admin_client))["status"] == "queued"
