"""Sharing: somebody of another team works on a ticket as its own team does, and the requester knows nothing of it."""

import asyncio
from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.teams.models import Team
from helpdesk_api.domains.users.models import User
from tests.domains.notifications.conftest import PostOffice, post_office, recipients, text_of
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

__all__ = ["post_office"]


@pytest.fixture
async def team(a_team: Make) -> Team:
    made: Team = await a_team(auto_assign=False)
    return made


@pytest.fixture
async def agent(a_user: Make, team: Team) -> User:
    made: User = await a_user(role=Role.AGENT, teams=[team])
    return made


@pytest.fixture
async def stranger(a_user: Make, a_team: Make) -> User:
    made: User = await a_user(role=Role.AGENT, teams=[await a_team()], email="stranger@example.test")
    return made


@pytest.fixture
async def ticket(agent: User, as_user: AsUser, requester_client: httpx.AsyncClient, team: Team) -> dict[str, Any]:
    made = await opened(requester_client)
    moved = await as_user(agent).post(
        f"/v1/tickets/{made['id']}/assignments", json={"team_id": public_id("tea", team.id), "assignee_id": None}
    )
    assert moved.status_code == 201, moved.text
    return made


def at(ticket: dict[str, Any], user: User) -> str:
    return f"/v1/tickets/{ticket['id']}/collaborators/{public_id('usr', user.id)}"


async def test_a_colleague_of_another_team_works_on_it(
    ticket: dict[str, Any],
    agent: User,
    stranger: User,
    as_user: AsUser,
    requester_client: httpx.AsyncClient,
    post_office: PostOffice,
) -> None:
    path = f"/v1/tickets/{ticket['id']}"
    await as_user(agent).post(f"{path}/comments", json={"body": "Among us.", "visibility": "internal"})
    assert (await as_user(stranger).get(path)).status_code == 404
    before = await requester_client.get(path)
    assert (await as_user(agent).put(at(ticket, stranger))).status_code == 204
    assert (await as_user(agent).put(at(ticket, stranger))).status_code == 204
    seen = await as_user(stranger).get(path, params={"include": "collaborators"})
    assert seen.json()["collaborator_ids"] == [public_id("usr", stranger.id)]
    assert list(seen.json()["included"]["users"]) == [public_id("usr", stranger.id)]
    said = (await as_user(stranger).get(f"{path}/comments")).json()["data"]
    assert [one["visibility"] for one in said] == ["internal"]
    assert (await as_user(stranger).post(f"{path}/start", json={})).status_code == 200
    found = (await as_user(stranger).get("/v1/tickets", params={"query": "is:shared"})).json()["data"]
    assert [one["id"] for one in found] == [ticket["id"]]
    assert (await as_user(agent).get("/v1/tickets", params={"query": "is:shared"})).json()["data"] == []
    mail = next(one for one in await post_office.round() if recipients([one]) == ["stranger"])
    assert f"shared {ticket['reference']} with you" in text_of(mail)
    after = await requester_client.get(path, params={"include": "collaborators"})
    assert after.json()["collaborator_ids"] is None
    assert after.json()["included"]["users"] == {}
    assert before.json()["collaborator_ids"] is None
    history = (await requester_client.get(f"{path}/history")).json()["data"]
    assert "ticket.collaborator_added" not in {one["type"] for one in history}


async def test_sharing_moves_nothing_that_the_requester_holds(
    ticket: dict[str, Any], agent: User, stranger: User, as_user: AsUser, requester_client: httpx.AsyncClient
) -> None:
    path = f"/v1/tickets/{ticket['id']}"
    etag = (await requester_client.get(path)).headers["etag"]
    await as_user(agent).put(at(ticket, stranger))
    assert (await requester_client.get(path, headers={"If-None-Match": etag})).status_code == 304
    await as_user(stranger).delete(at(ticket, stranger))
    assert (await requester_client.get(path, headers={"If-None-Match": etag})).status_code == 304
    assert (await as_user(stranger).get(path)).status_code == 404
    gone = await as_user(agent).delete(at(ticket, stranger))
    assert (gone.status_code, gone.json()["code"]) == (404, "collaborator_not_found")


async def test_who_may_not(
    ticket: dict[str, Any],
    agent: User,
    stranger: User,
    as_user: AsUser,
    requester_client: httpx.AsyncClient,
    a_user: Make,
) -> None:
    assert (await requester_client.put(at(ticket, stranger))).json()["code"] == "action_forbidden"
    assert (await as_user(stranger).put(at(ticket, stranger))).json()["code"] == "ticket_not_found"
    refused = await as_user(agent).put(at(ticket, await a_user()))
    assert (refused.status_code, refused.json()["code"]) == (422, "collaborator_not_staff")
    nobody = await as_user(agent).put(f"/v1/tickets/{ticket['id']}/collaborators/usr_{'0' * 32}")
    assert nobody.status_code == 404
    seen = (await as_user(agent).get(f"/v1/tickets/{ticket['id']}")).json()
    assert seen["collaborator_ids"] == []


async def test_two_who_share_at_once_lose_nobody(
    ticket: dict[str, Any], agent: User, as_user: AsUser, a_user: Make
) -> None:
    colleagues = [await a_user(role=Role.AGENT) for _ in range(21)]
    replies = await asyncio.gather(*(as_user(agent).put(at(ticket, one)) for one in colleagues))
    codes = sorted(reply.status_code for reply in replies)
    assert codes == [204] * 20 + [409]
    seen = (await as_user(agent).get(f"/v1/tickets/{ticket['id']}")).json()["collaborator_ids"]
    assert len(set(seen)) == 20
