"""What a comment says that its reader may do is what the server then does."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from tests.domains.assignments.desk import tea
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

OPEN = {"allowed": True, "reason_code": None}


def closed(reason: str) -> dict[str, Any]:
    return {"allowed": False, "reason_code": reason}


def actions_of(comment: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        one["action"]: {"allowed": one["allowed"], "reason_code": one["reason_code"]}
        for one in comment["allowed_actions"]
    }


async def said(client: httpx.AsyncClient, path: str, **body: object) -> dict[str, Any]:
    reply = await client.post(path, json={"body": "Hello", **body})
    assert reply.status_code == 201, reply.text
    comment: dict[str, Any] = reply.json()
    return comment


async def tried(client: httpx.AsyncClient, path: str) -> dict[str, int]:
    """The statuses of both, the edit first."""
    edited = await client.patch(path, json={"body": "Hello again"})
    split = await client.post(f"{path}/split", json={"description": "Another matter"})
    return {"edit": edited.status_code, "split": split.status_code}


@pytest.mark.parametrize("visibility", ["public", "internal"])
async def test_each_reader_is_told_what_is_theirs(
    requester_client: httpx.AsyncClient,
    agent_client: httpx.AsyncClient,
    a_user: Make,
    as_user: AsUser,
    visibility: str,
) -> None:
    ticket = await opened(requester_client)
    path = f"/v1/tickets/{ticket['id']}/comments"
    comment = await said(agent_client, path, visibility=visibility)
    assert actions_of(comment) == {"edit": OPEN, "split": OPEN}
    needed = {one["action"]: one["required_fields"] for one in comment["allowed_actions"]}
    assert needed == {"edit": ["body"], "split": ["description"] if visibility == "internal" else []}
    one = f"{path}/{comment['id']}"
    readers = [(agent_client, {"edit": OPEN, "split": OPEN})]
    readers.append((as_user(await a_user(role=Role.AGENT)), {"edit": closed("not_the_author"), "split": OPEN}))
    if visibility == "public":
        theirs = {"edit": closed("not_the_author"), "split": closed("not_permitted")}
        readers.append((requester_client, theirs))
    for client, expected in readers:
        read = (await client.get(one)).json()
        listed = (await client.get(path)).json()["data"][0]
        assert actions_of(read) == actions_of(listed) == expected
        done = await tried(client, one)
        assert {name: status < 400 for name, status in done.items()} == {
            name: action["allowed"] for name, action in expected.items()
        }
    edited = await agent_client.patch(one, json={"body": "Once more"})
    assert actions_of(edited.json()) == {"edit": OPEN, "split": OPEN}


async def test_of_a_merged_ticket_nothing_is_offered(
    requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, a_user: Make, a_team: Make, as_user: AsUser
) -> None:
    team = await a_team(auto_assign=False)
    colleague = as_user(await a_user(role=Role.AGENT, teams=[team]))
    ticket, into = await opened(requester_client), await opened(admin_client)
    for one, its_team in ((ticket, team), (into, await a_team(auto_assign=False))):
        await admin_client.post(f"/v1/tickets/{one['id']}/assignments", json={"team_id": tea(its_team)})
    path = f"/v1/tickets/{ticket['id']}/comments"
    comment = await said(requester_client, path)
    merged = await admin_client.post(f"/v1/tickets/{ticket['id']}/merge", json={"into": into["id"]})
    assert merged.status_code == 200, merged.text
    for client, expected in (
        (requester_client, {"edit": closed("merged"), "split": closed("not_permitted")}),
        (colleague, {"edit": closed("not_the_author"), "split": closed("merged")}),
    ):
        read = (await client.get(f"{path}/{comment['id']}")).json()
        assert read == (await client.get(path)).json()["data"][0]
        assert (actions_of(read), read["editable_until"]) == (expected, None)
    assert (await tried(requester_client, f"{path}/{comment['id']}"))["edit"] == 409


async def test_after_the_window_its_author_is_told_so(
    requester_client: httpx.AsyncClient,
) -> None:
    ticket = await opened(requester_client)
    path = f"/v1/tickets/{ticket['id']}/comments"
    comment = await said(requester_client, path)
    assert actions_of(comment) == {"edit": OPEN, "split": closed("not_permitted")}
    with clock.frozen(clock.now() + timedelta(days=2)):
        read = (await requester_client.get(f"{path}/{comment['id']}")).json()
        assert actions_of(read)["edit"] == closed("edit_window_passed")
        assert (await tried(requester_client, f"{path}/{comment['id']}"))["edit"] == 409
