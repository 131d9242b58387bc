"""Time: what it costs, one timer at a time, and nothing of it for requesters."""

import asyncio
from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.domains.time_entries.rules import cost_of
from tests.domains.assignments.desk import open_ticket, refused, usr
from tests.factories.records import Make
from tests.fixtures.clients import AsUser, posted_twice

RATES = "/v1/time-rates"


def times(ticket: dict[str, Any]) -> str:
    return f"/v1/tickets/{ticket['id']}/time-entries"


async def added(client: httpx.AsyncClient, ticket: dict[str, Any], **body: Any) -> dict[str, Any]:
    reply = await client.post(times(ticket), json={"seconds": 1_800, **body})
    assert reply.status_code == 201, reply.text
    entry: dict[str, Any] = reply.json()
    assert reply.headers["Location"] == path(entry)
    return entry


def path(entry: dict[str, Any]) -> str:
    return f"/v1/tickets/{entry['ticket_id']}/time-entries/{entry['id']}"


@pytest.mark.parametrize(
    ("seconds", "rate", "cost"), [(3_600, 6_000, 6_000), (1, 1_799, 0), (1, 1_800, 1), (90, 9_999, 250), (5, 0, 0)]
)
def test_half_a_cent_counts_as_one(seconds: int, rate: int, cost: int) -> None:
    assert cost_of(seconds, rate) == cost


async def test_what_it_costs(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
) -> None:
    dear, plain = await a_user(role=Role.AGENT), await a_user(role=Role.AGENT)
    ticket = await open_ticket(requester_client)
    free = await added(as_user(plain), ticket)
    assert (free["cost"], free["currency"]) == (None, None)
    etag = (await admin_client.get(RATES)).headers["ETag"]
    body = {"currency": "CHF", "default_rate": 6_000, "users": [{"user_id": usr(dear), "hourly_rate": 12_000}]}
    refused(await admin_client.put(RATES, json=body), 428, "precondition_required")
    assert (await admin_client.put(RATES, json=body, headers={"If-Match": etag})).status_code == 200
    refused(await admin_client.put(RATES, json=body, headers={"If-Match": etag}), 412, "precondition_failed")
    refused(await as_user(plain).get(RATES), 403, "missing_scope")
    first = await added(as_user(dear), ticket, note="Looked.")
    assert (first["cost"], first["currency"], first["hourly_rate"]) == (6_000, "CHF", 12_000)
    await added(as_user(plain), ticket, seconds=60, is_billable=False)
    page = (await as_user(plain).get(times(ticket), params={"limit": 1})).json()
    assert page["totals"] == {
        "seconds": 3_660,
        "billable_seconds": 3_600,
        "costs": [{"currency": "CHF", "cost": 6_100, "billable_cost": 6_000}],
    }
    changed = await as_user(dear).patch(path(first), json={"seconds": 3_600})
    assert (changed.json()["cost"], changed.json()["note"]) == (12_000, "Looked.")


async def test_one_timer_at_a_time(
    agent_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    one, other = await open_ticket(requester_client), await open_ticket(requester_client)
    with clock.frozen(clock.now()) as moment:
        starts = [agent_client.post(f"{times(ticket)}/start", json={}) for ticket in (one, other, one)]
        replies = await asyncio.gather(*starts)
        assert sorted(reply.status_code for reply in replies) == [201, 409, 409]
        (running,) = [reply.json() for reply in replies if reply.status_code == 201]
        for reply in replies:
            if reply.status_code != 201:
                assert refused(reply, 409, "timer_running")["params"]["time_entry_id"] == running["id"]
        own = await agent_client.get("/v1/time-entries", params={"is_running": "true"})
        assert [entry["id"] for entry in own.json()["data"]] == [running["id"]]
        refused(await agent_client.patch(path(running), json={"seconds": 5}), 409, "timer_still_running")
        moment.advance(minutes=7)
        stopped = await posted_twice(agent_client, f"{path(running)}/stop", {})
    assert (stopped.status_code, stopped.json()["seconds"]) == (200, 420)
    refused(await agent_client.post(f"{path(running)}/stop", json={}), 409, "timer_not_running")
    assert (await agent_client.post(f"{times(other)}/start", json={})).status_code == 201
    assert (await admin_client.post(f"{times(other)}/start", json={})).status_code == 201


async def test_a_timer_that_was_left_behind_stops_for_the_next(
    agent_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, a_team: Make
) -> None:
    one, other = await open_ticket(requester_client), await open_ticket(requester_client)
    with clock.frozen(clock.now()) as moment:
        running = (await agent_client.post(f"{times(one)}/start", json={})).json()
        moved = {"team_id": f"tea_{(await a_team()).id.hex}"}
        assert (await admin_client.post(f"/v1/tickets/{one['id']}/assignments", json=moved)).status_code == 201
        assert (await agent_client.post(f"{path(running)}/stop", json={})).status_code == 404
        moment.advance(minutes=3)
        started = await agent_client.post(f"{times(other)}/start", json={})
    assert started.status_code == 201, started.text
    assert (await admin_client.get(path(running))).json()["seconds"] == 180


async def test_it_is_nothing_for_requesters(
    agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    ticket = await open_ticket(requester_client)
    read = await requester_client.get(f"/v1/tickets/{ticket['id']}")
    entry = await added(agent_client, ticket)
    again = await requester_client.get(f"/v1/tickets/{ticket['id']}")
    assert (again.json(), again.headers["ETag"]) == (read.json(), read.headers["ETag"])
    for reply in (
        await requester_client.get(times(ticket)),
        await requester_client.post(times(ticket), json={"seconds": 5}),
        await requester_client.post(f"{times(ticket)}/start", json={}),
        await requester_client.get(path(entry)),
        await requester_client.patch(path(entry), json={"seconds": 5}),
        await requester_client.post(f"{path(entry)}/stop", json={}),
        await requester_client.delete(path(entry)),
    ):
        refused(reply, 403, "action_forbidden")
    assert (await requester_client.get("/v1/time-entries")).json()["data"] == []
    history = (await requester_client.get(f"/v1/tickets/{ticket['id']}/history")).json()["data"]
    assert "ticket.time_logged" not in {event["type"] for event in history}


async def test_whose_it_is(
    agent_client: httpx.AsyncClient,
    supervisor_client: httpx.AsyncClient,
    requester_client: httpx.AsyncClient,
    a_user: Make,
    as_user: AsUser,
) -> None:
    ticket = await open_ticket(requester_client)
    entry = await added(agent_client, ticket)
    other = as_user(await a_user(role=Role.AGENT))
    seen = (await other.get(path(entry))).json()
    assert {one["allowed"] for one in seen["allowed_actions"]} == {False}
    refused(await other.patch(path(entry), json={"seconds": 5}), 403, "time_entry_forbidden")
    refused(await other.delete(path(entry)), 403, "time_entry_forbidden")
    read = await agent_client.get(path(entry))
    held = {"If-None-Match": read.headers["ETag"]}
    assert (await agent_client.get(path(entry), headers=held)).status_code == 304
    late = await agent_client.patch(path(entry), json={"worked_on": "2999-01-01"})
    refused(late, 422, "work_in_future", "#/worked_on")
    for day in (0, "0", "2026-03-02T00:00:00"):
        worked = await agent_client.patch(path(entry), json={"worked_on": day})
        refused(worked, 422, "validation_failed", "#/worked_on")
    assert (await supervisor_client.patch(path(entry), json={"seconds": 5})).status_code == 200
    refused(
        await agent_client.delete(path(entry), headers={"If-Match": read.headers["ETag"]}), 412, "precondition_failed"
    )
    assert (await agent_client.delete(path(entry))).status_code == 204
    refused(await agent_client.get(path(entry)), 404, "time_entry_not_found")


async def test_it_follows_a_merge_of_many(agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient) -> None:
    into, *others = [await open_ticket(requester_client) for _ in range(3)]
    for ticket in (into, others[0]):
        await added(agent_client, ticket, seconds=600)
    started = await agent_client.post(f"{times(others[1])}/start", json={})
    assert started.status_code == 201, started.text
    ids = [other["id"] for other in others]
    merged = await agent_client.post(f"/v1/tickets/{into['id']}/merge-in", json={"ticket_ids": ids})
    assert merged.status_code == 200, merged.text
    page = (await agent_client.get(times(into))).json()
    assert page["totals"]["seconds"] == 1_200
    assert {one["ticket_id"] for one in page["data"]} == {into["id"]}
    stopped = await agent_client.post(f"{times(into)}/{started.json()['id']}/stop", json={})
    assert (stopped.status_code, stopped.json()["ticket_id"]) == (200, into["id"])
