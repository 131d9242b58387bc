"""Many at once: one result each, all or nothing when asked, and nothing half done."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database.session import Database
from helpdesk_api.domains.bulk import actions
from helpdesk_api.domains.bulk.schemas import TicketBulk
from helpdesk_api.domains.bulk.steps import PlainStep
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.installation import install_wiring
from helpdesk_api.outbox.models import EventRow
from tests.domains.assignments.desk import tea
from tests.domains.sla.test_clocks import no_differences
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make, make_ticket, make_user, principal_of
from tests.fixtures.clients import AsUser

TAKE = {"op": "assign", "body": {"assignee_id": "me"}}
REPLY = {"op": "comment", "body": {"body": "The gateway is back."}}
RESOLVE = {"op": "resolve", "body": {"resolution_code": "fixed", "resolution_text": "The gateway is back."}}
WRONG = {"op": "update", "body": {"category_id": f"cat_{'0' * 32}"}}


def item(ticket: dict[str, Any], *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"ticket_id": ticket["reference"], "steps": list(steps), **fields}


async def changed(client: httpx.AsyncClient, *items: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    reply = await client.post("/v1/tickets/bulk", json={"items": list(items), **fields})
    assert reply.status_code == 207, reply.text
    results: list[dict[str, Any]] = reply.json()["data"]
    return results


async def types_of(client: httpx.AsyncClient, ticket: dict[str, Any]) -> list[str]:
    history = (await client.get(f"/v1/tickets/{ticket['id']}/history")).json()["data"]
    return [entry["type"] for entry in history]


async def test_each_item_has_its_own_end(
    agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database
) -> None:
    good, bad, last = [await opened(requester_client) for _ in range(3)]
    before = await types_of(agent_client, bad)
    missing = {"ticket_id": "INC-999999", "steps": [TAKE]}
    results = await changed(
        agent_client, item(good, TAKE, REPLY, RESOLVE), item(bad, TAKE, REPLY, WRONG), missing, item(last, TAKE)
    )
    assert [result["status"] for result in results] == [200, 422, 404, 200]
    assert results[0]["ticket"]["status"] == "resolved"
    assert results[1]["ticket"] is None
    assert (results[1]["problem"]["code"], results[1]["problem"]["errors"][0]["pointer"]) == (
        "unknown_reference",
        "#/items/1/steps/2/body/category_id",
    )
    assert results[2]["problem"]["code"] == "ticket_not_found"
    for result, ticket in zip(results, (good, bad, None, last), strict=True):
        if ticket is None:
            continue
        read = await agent_client.get(f"/v1/tickets/{ticket['id']}")
        if result["ticket"] is not None:
            assert (read.json(), read.headers["ETag"]) == (result["ticket"], result["etag"])
    # What was done before the step that failed is undone, in the ticket, in its history and beside it.
    assert await types_of(agent_client, bad) == before
    assert (await agent_client.get(f"/v1/tickets/{bad['id']}/comments")).json()["data"] == []
    assert (await agent_client.get(f"/v1/tickets/{bad['id']}")).json()["assignee_id"] is None
    await no_differences(database)


async def test_a_defect_is_the_problem_of_its_item_alone(
    agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, database: Database, a_user: Make
) -> None:
    good, bad = await opened(requester_client), await opened(requester_client)
    body = TicketBulk.model_validate({"items": [item(bad, REPLY), item(good, REPLY)]})
    # No caller can send such a step.
    body.items[0].steps.append(PlainStep.model_construct(op="explode"))  # type: ignore[arg-type]
    principal = await principal_of(database, await a_user(role=Role.ADMIN))
    async with database.session() as session:
        outcomes = await actions.change_tickets(session, database, principal, body)
    assert [outcome.problem.code if outcome.problem else None for outcome in outcomes] == ["internal_error", None]
    for ticket, count in ((bad, 0), (good, 1)):
        read = (await agent_client.get(f"/v1/tickets/{ticket['id']}")).json()
        assert read["public_comment_count"] == count


async def test_all_or_nothing(agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient) -> None:
    first, second = await opened(requester_client), await opened(requester_client)
    body = {"items": [item(first, TAKE, RESOLVE), item(second, WRONG)], "atomic": True}
    reply = await agent_client.post("/v1/tickets/bulk", json=body)
    assert (reply.status_code, reply.json()["code"]) == (409, "bulk_rolled_back")
    assert [(error["code"], error["pointer"]) for error in reply.json()["errors"]] == [
        ("unknown_reference", "#/items/1"),
        ("unknown_reference", "#/items/1/steps/0/body/category_id"),
    ]
    assert (await agent_client.get(f"/v1/tickets/{first['id']}")).json()["status"] == "open"
    done = await changed(agent_client, item(first, TAKE, RESOLVE), item(second, TAKE), atomic=True)
    assert [result["ticket"]["status"] for result in done] == ["resolved", "open"]


async def test_a_ticket_may_leave_its_agents_sight(
    a_user: Make, a_team: Make, as_user: AsUser, requester_client: httpx.AsyncClient
) -> None:
    network = await a_team(auto_assign=False)
    agent = as_user(await a_user(role=Role.AGENT))
    leaving, staying = await opened(requester_client), await opened(requester_client)
    away = {"op": "assign", "body": {"team_id": tea(network)}}
    gone, kept = await changed(agent, item(leaving, REPLY, away), item(staying, REPLY), atomic=True)
    assert gone == {"ticket_id": leaving["reference"], "status": 200, "etag": None, "ticket": None, "problem": None}
    assert (kept["status"], kept["ticket"]["public_comment_count"]) == (200, 1)
    assert (await agent.get(f"/v1/tickets/{leaving['id']}")).status_code == 404


async def test_each_item_has_its_own_precondition(
    agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    ticket = await opened(requester_client)
    etag = (await agent_client.get(f"/v1/tickets/{ticket['id']}")).headers["ETag"]
    assert (await changed(agent_client, item(ticket, TAKE, if_match=etag)))[0]["status"] == 200
    (stale,) = await changed(agent_client, item(ticket, REPLY, if_match=etag))
    assert (stale["status"], stale["problem"]["code"]) == (412, "precondition_failed")


async def test_a_repeated_bulk_is_answered_and_not_done_again(
    agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    ticket = await opened(requester_client)
    body, key = {"items": [item(ticket, REPLY)]}, {"Idempotency-Key": "bulk-1"}
    first = await agent_client.post("/v1/tickets/bulk", json=body, headers=key)
    again = await agent_client.post("/v1/tickets/bulk", json=body, headers=key)
    assert (again.status_code, again.json()) == (207, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len((await agent_client.get(f"/v1/tickets/{ticket['id']}/comments")).json()["data"]) == 1


async def test_a_requester_changes_only_what_is_theirs(
    requester_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
) -> None:
    own, foreign = await opened(requester_client), await opened(as_user(await a_user()))
    results = await changed(requester_client, item(own, REPLY), item(foreign, REPLY))
    assert [result["status"] for result in results] == [200, 404]
    assert results[1]["problem"]["code"] == "ticket_not_found"
    (refused,) = await changed(requester_client, item(own, TAKE))
    assert (refused["status"], refused["problem"]["code"]) == (403, "action_forbidden")


@pytest.mark.parametrize(
    ("items", "code", "pointer"),
    [
        ([], "validation_failed", "#/items"),
        ([{"ticket_id": "INC-1", "steps": []}], "validation_failed", "#/items/0/steps"),
        ([{"ticket_id": "INC-1", "steps": [{"op": "explode"}]}], "validation_failed", "#/items/0/steps/0"),
        (
            [{"ticket_id": "INC-1", "steps": [{"op": "update", "body": {"impact": "x"}}]}],
            "validation_failed",
            "#/items/0/steps/0/body/impact",
        ),
        ([{"ticket_id": "7", "steps": [TAKE]}], "validation_failed", "#/items/0/ticket_id"),
        ([{"ticket_id": "INC-1", "steps": [TAKE]}] * 2, "ticket_repeated", "#/items/1/ticket_id"),
        ([{"ticket_id": f"INC-{n}", "steps": [TAKE]} for n in range(101)], "validation_failed", "#/items"),
    ],
)
async def test_what_cannot_be_asked(
    agent_client: httpx.AsyncClient, items: list[dict[str, Any]], code: str, pointer: str
) -> None:
    reply = await agent_client.post("/v1/tickets/bulk", json={"items": items})
    assert reply.status_code == 422
    assert (reply.json()["code"], reply.json()["errors"][0]["pointer"]) == (code, pointer)


async def test_a_ticket_by_its_id_and_its_reference_is_one(
    agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    ticket = await opened(requester_client)
    items = [item(ticket, TAKE), {"ticket_id": ticket["id"], "steps": [REPLY]}]
    reply = await agent_client.post("/v1/tickets/bulk", json={"items": items})
    assert (reply.status_code, reply.json()["code"]) == (422, "ticket_repeated")


async def test_two_who_change_the_same_many_lose_nothing(own_database: Database, settings: Settings) -> None:
    install_wiring(settings)
    opener = await make_user(own_database)
    agents = [await make_user(own_database, role=Role.ADMIN) for _ in range(4)]
    tickets = [await make_ticket(own_database, by=opener) for _ in range(6)]

    async def change(place: int) -> None:
        principal = await principal_of(own_database, agents[place])
        order = tickets if place % 2 else tickets[::-1]
        body = TicketBulk.model_validate(
            {"items": [{"ticket_id": ticket.reference, "steps": [REPLY]} for ticket in order]}
        )
        async with own_database.session() as session:
            outcomes = await actions.change_tickets(session, own_database, principal, body)
        assert [outcome.problem for outcome in outcomes] == [None] * 6

    await asyncio.gather(*[change(place) for place in range(4)])
    async with own_database.session() as session:
        counts = (await session.scalars(select(Ticket.public_comment_count))).all()
        rows = (await session.scalars(select(EventRow.type).where(EventRow.type == "comment.created"))).all()
    assert (list(counts), len(rows)) == ([4] * 6, 24)
    await no_differences(own_database)
