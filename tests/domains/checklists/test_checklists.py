"""Checklists: what is required is done before a ticket is resolved, and requesters learn nothing of it."""

import asyncio
from typing import Any

import httpx

from tests.domains.assignments.desk import open_ticket, refused

RESOLUTION = {"resolution_code": "fixed", "resolution_text": "It is done."}


async def added(client: httpx.AsyncClient, ticket: dict[str, Any], **body: Any) -> dict[str, Any]:
    reply = await client.post(f"/v1/tickets/{ticket['id']}/checklist-items", json={"title": "Order it", **body})
    assert reply.status_code == 201, reply.text
    item: dict[str, Any] = reply.json()
    assert reply.headers["Location"] == path(item)
    return item


def path(item: dict[str, Any]) -> str:
    return f"/v1/tickets/{item['ticket_id']}/checklist-items/{item['id']}"


async def resolving(client: httpx.AsyncClient, ticket: dict[str, Any]) -> tuple[Any, ...]:
    shown = (await client.get(f"/v1/tickets/{ticket['id']}")).json()
    (action,) = [one for one in shown["allowed_actions"] if one["action"] == "resolve"]
    return action["allowed"], action["reason_code"], shown["checklist_done_count"], shown["checklist_count"]


async def test_what_is_required_is_done_first(
    agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    ticket = await open_ticket(requester_client)
    first = await added(agent_client, ticket, is_required=True)
    await added(agent_client, ticket, title="Nice to have")
    assert await resolving(agent_client, ticket) == (False, "checklist_open", 0, 2)
    resolve = f"/v1/tickets/{ticket['id']}/resolve"
    refused(await agent_client.post(resolve, json=RESOLUTION), 409, "checklist_open")
    steps = [{"op": "resolve", "body": RESOLUTION}]
    bulk = await agent_client.post("/v1/tickets/bulk", json={"items": [{"ticket_id": ticket["id"], "steps": steps}]})
    assert bulk.json()["data"][0]["problem"]["code"] == "checklist_open"
    assert [one["allowed"] for one in first["allowed_actions"]] == [True, True]
    done = await agent_client.patch(path(first), json={"is_done": True})
    assert done.json()["done_by_id"] is not None
    assert await resolving(agent_client, ticket) == (True, None, 1, 2)
    assert (await agent_client.patch(path(first), json={"is_done": False})).json()["done_at"] is None
    refused(await agent_client.post(resolve, json=RESOLUTION), 409, "checklist_open")
    assert (await agent_client.patch(path(first), json={"is_required": False})).status_code == 200
    assert (await agent_client.post(resolve, json=RESOLUTION)).status_code == 200


async def test_a_required_item_that_goes_stands_in_nobodys_way(
    agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    ticket = await open_ticket(requester_client)
    item = await added(agent_client, ticket, is_required=True)
    assert (await agent_client.delete(path(item))).status_code == 204
    refused(await agent_client.get(path(item)), 404, "checklist_item_not_found")
    assert await resolving(agent_client, ticket) == (True, None, 0, 0)


async def test_requesters_learn_nothing_of_it(
    agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    ticket = await open_ticket(requester_client)
    read = await requester_client.get(f"/v1/tickets/{ticket['id']}")
    item = await added(agent_client, ticket, is_required=True)
    await agent_client.patch(path(item), json={"is_done": True})
    again = await requester_client.get(f"/v1/tickets/{ticket['id']}")
    assert (again.json(), again.headers["ETag"]) == (read.json(), read.headers["ETag"])
    assert (again.json()["checklist_count"], again.json()["checklist_done_count"]) == (None, None)
    history = (await requester_client.get(f"/v1/tickets/{ticket['id']}/history")).json()["data"]
    assert [event["type"] for event in history if "checklist" in event["type"]] == []
    for reply in (
        await requester_client.get(f"/v1/tickets/{ticket['id']}/checklist-items"),
        await requester_client.post(f"/v1/tickets/{ticket['id']}/checklist-items", json={"title": "X"}),
        await requester_client.get(path(item)),
        await requester_client.patch(path(item), json={"is_done": False}),
        await requester_client.delete(path(item)),
    ):
        refused(reply, 403, "action_forbidden")
    told = (await agent_client.get(f"/v1/tickets/{ticket['id']}/history")).json()["data"]
    changes = [
        detail["value"]
        for event in told
        if event["type"] == "ticket.checklist_changed"
        for detail in event["internal_details"]
        if detail["name"] == "change"
    ]
    assert changes == ["added", "done"]


async def test_the_order_and_the_etag(agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient) -> None:
    ticket = await open_ticket(requester_client)
    items = [await added(agent_client, ticket, title=title) for title in ("a", "b", "c")]
    read = await agent_client.get(path(items[2]))
    etag = {"If-Match": read.headers["ETag"]}
    assert (await agent_client.get(path(items[2]), headers={"If-None-Match": etag["If-Match"]})).status_code == 304
    assert (await agent_client.patch(path(items[2]), json={"position": 0}, headers=etag)).status_code == 200
    listed = (await agent_client.get(f"/v1/tickets/{ticket['id']}/checklist-items")).json()["data"]
    assert [item["title"] for item in listed] == ["c", "a", "b"]
    refused(await agent_client.delete(path(items[2]), headers=etag), 412, "precondition_failed")
    other = await open_ticket(requester_client)
    foreign = path(items[0]).replace(ticket["id"], other["id"])
    refused(await agent_client.get(foreign), 404, "checklist_item_not_found")
    nobody = await agent_client.patch(path(items[0]), json={"assignee_id": requester_id(ticket)})
    refused(nobody, 422, "unknown_reference", "#/assignee_id")


def requester_id(ticket: dict[str, Any]) -> str:
    return str(ticket["requester_id"])


async def test_a_template_brings_its_checklist(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    checklist = [{"title": "Order", "is_required": True}, {"title": "Tell", "is_required": False}]
    body = {"name": "Colleague", "fields": {"subject": "One", "description": "Soon."}, "checklist": checklist}
    template = (await admin_client.post("/v1/ticket-templates", json=body)).json()
    ticket = (await requester_client.post("/v1/tickets", json={"template_id": template["id"]})).json()
    assert ticket["checklist_count"] is None
    listed = (await agent_client.get(f"/v1/tickets/{ticket['id']}/checklist-items")).json()["data"]
    assert [(item["title"], item["is_required"]) for item in listed] == [("Order", True), ("Tell", False)]
    assert await resolving(agent_client, ticket) == (False, "checklist_open", 0, 2)


async def test_ticked_by_two_at_once(agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient) -> None:
    ticket = await open_ticket(requester_client)
    item = await added(agent_client, ticket, is_required=True)
    replies = await asyncio.gather(*(agent_client.patch(path(item), json={"is_done": True}) for _ in range(3)))
    assert len({reply.json()["done_at"] for reply in replies}) == 1
    assert await resolving(agent_client, ticket) == (True, None, 1, 1)


async def test_it_follows_a_merge_of_many(agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient) -> None:
    into, *others = [await open_ticket(requester_client) for _ in range(3)]
    await added(agent_client, into, title="There before", position=7)
    done = await added(agent_client, others[0], title="Done already", is_required=True)
    await agent_client.patch(path(done), json={"is_done": True})
    last = await added(agent_client, others[1], title="Still open", is_required=True)
    read = await agent_client.get(path(last))
    merged = await agent_client.post(
        f"/v1/tickets/{into['id']}/merge-in", json={"ticket_ids": [other["id"] for other in others]}
    )
    assert (merged.json()["checklist_count"], merged.json()["checklist_done_count"]) == (3, 1)
    assert await resolving(agent_client, into) == (False, "checklist_open", 1, 3)
    items = f"/v1/tickets/{into['id']}/checklist-items"
    page = (await agent_client.get(items, params={"limit": 2})).json()
    more = (await agent_client.get(items, params={"limit": 2, "cursor": page["next_cursor"]})).json()
    listed = [*page["data"], *more["data"]]
    assert [one["title"] for one in listed] == ["There before", "Done already", "Still open"]
    assert {one["ticket_id"] for one in listed} == {into["id"]}
    # By the old name it is the same item, and its old ETag is no longer true.
    assert (await agent_client.get(path(last))).json()["id"] == last["id"]
    stale = await agent_client.patch(
        f"{items}/{last['id']}", json={"is_done": True}, headers={"If-Match": read.headers["ETag"]}
    )
    refused(stale, 412, "precondition_failed")
    assert (await agent_client.patch(f"{items}/{last['id']}", json={"is_done": True})).status_code == 200
    assert await resolving(agent_client, into) == (True, None, 2, 3)
