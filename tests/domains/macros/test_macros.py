"""Macros: all or nothing, shown before they are taken, and named in the history."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import Table, func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.base import Base
from helpdesk_api.database.session import Database
from helpdesk_api.domains.macros import queries
from helpdesk_api.jobs.tables import queue
from helpdesk_api.outbox.models import EventRow
from tests.domains.assignments.desk import after_commit, open_ticket, refused, tea
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

TAKE = {"op": "assign", "body": {"assignee_id": "me"}}
REPLY = {"op": "comment", "body": {"body": "Hello {{ requester.first_name }}, {{ ticket.assignee }} has it."}}
TAG = {"op": "update", "body": {"tags": ["vpn"]}}
RESOLVE = {"op": "resolve", "body": {"resolution_code": "fixed", "resolution_text": "{{ ticket.reference }} is done."}}


async def saved(client: httpx.AsyncClient, *steps: Any, **fields: Any) -> dict[str, Any]:
    body = {"title": "Fixed", "scope": "personal", "steps": list(steps), **fields}
    reply = await client.post("/v1/macros", json=body)
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    assert reply.headers["Location"] == f"/v1/macros/{made['id']}"
    return made


async def applied(client: httpx.AsyncClient, ticket: dict[str, Any], macro: dict[str, Any], **headers: str) -> Any:
    return await client.post(f"/v1/tickets/{ticket['id']}/macros/{macro['id']}", json={}, headers=headers)


async def counts(database: Database) -> dict[str, int]:
    """Rows of every table, jobs included."""
    tables: list[Table] = [*Base.metadata.sorted_tables, queue]
    async with database.session() as session:
        return {table.name: await session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


@pytest.fixture
async def agent(a_user: Make, as_user: AsUser) -> httpx.AsyncClient:
    return as_user(await a_user(role=Role.AGENT, name="Ada Agent"))


@pytest.fixture
async def ticket(a_user: Make, as_user: AsUser) -> dict[str, Any]:
    return await open_ticket(as_user(await a_user(name="Mara Lindqvist")))


async def test_it_is_taken_as_one_and_named_in_the_history(agent: httpx.AsyncClient, ticket: dict[str, Any]) -> None:
    macro = await saved(agent, TAKE, REPLY, TAG, RESOLVE)
    assert macro["steps"] == [TAKE, REPLY, TAG, RESOLVE]
    preview = await agent.post(f"/v1/macros/{macro['id']}/preview", json={"ticket_id": ticket["reference"]})
    reply = await applied(agent, ticket, macro)
    assert (preview.status_code, reply.status_code) == (200, 200), (preview.text, reply.text)
    effect = reply.json()
    assert effect["replies"] == [
        {
            "visibility": "public",
            "body": "Hello Mara, Ada Agent has it.",
            "body_html": "<p>Hello Mara, Ada Agent has it.</p>\n",
        }
    ]
    changes = {change["field"]: (change["before"], change["after"]) for change in effect["changes"]}
    assert changes["status"] == ("open", "resolved")
    assert changes["tags"] == ([], ["vpn"])
    assert changes["resolution_text"] == (None, f"{ticket['reference']} is done.")
    foreseen = preview.json()
    assert foreseen["replies"] == effect["replies"]
    assert [one["field"] for one in foreseen["changes"]] == [one["field"] for one in effect["changes"]]
    now = await agent.get(f"/v1/tickets/{ticket['id']}")
    assert (effect["ticket"], effect["etag"]) == (now.json(), now.headers["ETag"])
    events = (await agent.get(f"/v1/tickets/{ticket['id']}/history")).json()["data"]
    (told,) = [event for event in events if event["type"] == "ticket.macro_applied"]
    facts = {detail["name"]: detail["value"] for detail in told["internal_details"]}
    assert (facts["macro_id"], facts["title"]) == (macro["id"], "Fixed")
    caused = {event["type"] for event in events if event["cause"] and event["cause"]["event_id"] == told["id"]}
    assert caused == {"ticket.assigned", "comment.created", "ticket.updated", "ticket.resolved"}


async def test_requesters_see_what_was_done_and_not_how(
    agent: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    ticket = await open_ticket(requester_client)
    macro = await saved(agent, TAKE, REPLY)
    assert (await applied(agent, ticket, macro)).status_code == 200
    events = (await requester_client.get(f"/v1/tickets/{ticket['id']}/history")).json()["data"]
    assert "ticket.macro_applied" not in {event["type"] for event in events}
    assert {event["cause"] for event in events} == {None}
    assert "macro" not in str(events)
    refused(await requester_client.get(f"/v1/tickets/{ticket['id']}/macros"), 403, "action_forbidden")
    refused(await applied(requester_client, ticket, macro), 404, "macro_not_found")
    assert (await requester_client.get("/v1/macros")).json()["data"] == []
    body = {"title": "Mine", "scope": "personal", "steps": [REPLY]}
    refused(await requester_client.post("/v1/macros", json=body), 403, "sharing_forbidden")


async def test_a_preview_leaves_nothing(agent: httpx.AsyncClient, ticket: dict[str, Any], database: Database) -> None:
    macro = await saved(agent, TAKE, REPLY, RESOLVE)
    await after_commit(database)
    path = f"/v1/tickets/{ticket['id']}"
    before, read = await counts(database), await agent.get(path)
    for _ in range(3):
        reply = await agent.post(f"/v1/macros/{macro['id']}/preview", json={"ticket_id": ticket["id"]})
        assert reply.json()["ticket"]["status"] == "resolved"
    await after_commit(database)
    again = await agent.get(path)
    assert (again.json(), again.headers["ETag"]) == (read.json(), read.headers["ETag"])
    assert await counts(database) == before
    # The log has no gap that a reader of events could see.
    await applied(agent, ticket, macro)
    await after_commit(database)
    async with database.session() as session:
        numbers = sorted(number or 0 for number in await session.scalars(select(EventRow.sequence)))
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_all_or_nothing(agent: httpx.AsyncClient, ticket: dict[str, Any], database: Database) -> None:
    macro = await saved(agent, TAKE, REPLY, {"op": "close"})
    before = await counts(database)
    for _ in range(2):
        refused(await applied(agent, ticket, macro), 409, "transition_not_allowed")
        preview = await agent.post(f"/v1/macros/{macro['id']}/preview", json={"ticket_id": ticket["id"]})
        refused(preview, 409, "transition_not_allowed")
    assert await counts(database) == before
    unknown = await saved(agent, TAKE, {"op": "update", "body": {"category_id": "cat_" + "f" * 32}})
    refused(await applied(agent, ticket, unknown), 422, "unknown_reference", "#/steps/1/body/category_id")
    assert (await agent.get(f"/v1/tickets/{ticket['id']}")).json()["assignee_id"] is None


async def test_two_at_once_lose_nothing(agent: httpx.AsyncClient, ticket: dict[str, Any]) -> None:
    macro = await saved(agent, TAKE, TAG)
    etag = (await agent.get(f"/v1/tickets/{ticket['id']}")).headers["ETag"]
    replies = await asyncio.gather(*(applied(agent, ticket, macro, **{"If-Match": etag}) for _ in range(3)))
    assert sorted(reply.status_code for reply in replies) == [200, 412, 412]
    key = {"Idempotency-Key": "once"}
    note = await saved(agent, {"op": "comment", "body": {"body": "Noted.", "visibility": "internal"}})
    twins = await asyncio.gather(*(applied(agent, ticket, note, **key) for _ in range(3)))
    assert {twin.status_code for twin in twins} == {200}
    assert len((await agent.get(f"/v1/tickets/{ticket['id']}/comments")).json()["data"]) == 1


async def test_it_is_offered_while_its_conditions_hold(agent: httpx.AsyncClient, ticket: dict[str, Any]) -> None:
    mine = {
        "all": [
            {"field": "assignee_id", "op": "eq", "value": "me"},
            {"field": "created_at", "op": "gte", "value": "-1d"},
        ]
    }
    take, drop = await saved(agent, TAKE, title="Take"), await saved(agent, REPLY, title="Answer", conditions=mine)
    path = f"/v1/tickets/{ticket['id']}"
    assert [one["title"] for one in (await agent.get(f"{path}/macros")).json()["data"]] == ["Take"]
    refused(await applied(agent, ticket, drop), 409, "macro_not_offered")
    assert (await applied(agent, ticket, take)).status_code == 200
    assert [one["title"] for one in (await agent.get(f"{path}/macros")).json()["data"]] == ["Answer", "Take"]
    assert (await applied(agent, ticket, drop)).status_code == 200


async def test_what_others_share_takes_nobodys_place(
    agent: httpx.AsyncClient, admin_client: httpx.AsyncClient, ticket: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MAX_MACROS", 1)
    for client, scope in ((admin_client, "shared"), (agent, "personal")):
        await saved(client, TAG, title=scope, scope=scope)
        body = {"title": "One more", "scope": scope, "steps": [TAG]}
        refused(await client.post("/v1/macros", json=body), 409, "too_many_macros")
    offered = (await agent.get(f"/v1/tickets/{ticket['id']}/macros")).json()["data"]
    assert [macro["title"] for macro in offered] == ["personal", "shared"]


async def test_a_ticket_may_leave_its_agents_sight(
    a_user: Make, a_team: Make, as_user: AsUser, requester_client: httpx.AsyncClient
) -> None:
    network = await a_team(auto_assign=False)
    agent = as_user(await a_user(role=Role.AGENT))
    ticket = await open_ticket(requester_client)
    macro = await saved(agent, REPLY, {"op": "assign", "body": {"team_id": tea(network)}})
    reply = await applied(agent, ticket, macro)
    assert reply.status_code == 200, reply.text
    assert (reply.json()["ticket"], reply.json()["etag"]) == (None, None)
    assert (await agent.get(f"/v1/tickets/{ticket['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        (
            {"steps": [{"op": "comment", "body": {"body": "{{ ticket.secret }}"}}]},
            "invalid_template",
            "#/steps/0/body/body",
        ),
        (
            {
                "steps": [
                    TAKE,
                    {
                        **RESOLVE,
                        "body": {"resolution_code": "fixed", "resolution_text": "{% for x in (1..9) %}{% endfor %}"},
                    },
                ]
            },
            "invalid_template",
            "#/steps/1/body/resolution_text",
        ),
        ({"conditions": {"field": "colour", "op": "eq", "value": 1}}, "invalid_conditions", "#/conditions/field"),
        ({"scope": "team"}, "sharing_team_required", "#/team_id"),
    ],
)
async def test_what_cannot_be_saved(agent: httpx.AsyncClient, fields: dict[str, Any], code: str, pointer: str) -> None:
    body = {"title": "Fixed", "scope": "personal", "steps": [TAKE], **fields}
    refused(await agent.post("/v1/macros", json=body), 422, code, pointer)
    assert (await agent.get("/v1/macros")).json()["data"] == []


async def test_what_is_filled_in_may_be_nothing(agent: httpx.AsyncClient, ticket: dict[str, Any]) -> None:
    macro = await saved(agent, {"op": "comment", "body": {"body": "{{ ticket.team }}"}})
    refused(await applied(agent, ticket, macro), 422, "validation_failed", "#/steps/0/body/body")


async def test_changed_by_its_etag(agent: httpx.AsyncClient) -> None:
    macro = await saved(agent, TAKE)
    path = f"/v1/macros/{macro['id']}"
    read = await agent.get(path)
    assert read.json() == macro
    changed = await agent.patch(path, json={"steps": [TAG]}, headers={"If-Match": read.headers["ETag"]})
    assert (changed.json()["steps"], changed.json()["title"]) == ([TAG], "Fixed")
    refused(await agent.delete(path, headers={"If-Match": read.headers["ETag"]}), 412, "precondition_failed")
    assert (await agent.delete(path)).status_code == 204
    refused(await agent.get(path), 404, "macro_not_found")
