"""Ratings: the requester's word on the work, once it is done."""

import asyncio

import httpx

from helpdesk_api.authorization.permissions import Role
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make
from tests.fixtures.clients import AsUser, posted_twice

FIX = {"resolution_code": "fixed", "resolution_text": "Done."}


async def test_the_requester_rates_what_is_resolved(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    ticket = await opened(requester_client)
    path = f"/v1/tickets/{ticket['id']}"
    early = await requester_client.post(f"{path}/rate", json={"score": 5})
    assert (early.status_code, early.json()["code"]) == (409, "transition_not_allowed")
    await agent_client.post(f"{path}/resolve", json=FIX)
    for wrong in ({"score": 0}, {"score": 6}, {"score": True}, {}, {"score": 3, "comment": "\x00"}):
        assert (await requester_client.post(f"{path}/rate", json=wrong)).status_code == 422, wrong
    rated = await posted_twice(requester_client, f"{path}/rate", {"score": 2, "comment": "It took days."})
    assert (rated.status_code, rated.json()["rating"], rated.json()["rating_comment"]) == (200, 2, "It took days.")
    same = await requester_client.post(f"{path}/rate", json={"score": 2, "comment": "It took days."})
    assert same.headers["etag"] == rated.headers["etag"]
    await requester_client.post(f"{path}/confirm", json={})
    again = await requester_client.post(f"{path}/rate", json={"score": 5})
    assert (again.json()["rating"], again.json()["rating_comment"]) == (5, None)
    told = [row for row in (await agent_client.get(f"{path}/history")).json()["data"] if row["type"] == "ticket.rated"]
    assert len(told) == 2
    found = (await agent_client.get("/v1/tickets", params={"query": "rating:>=5"})).json()["data"]
    assert [one["id"] for one in found] == [ticket["id"]]


async def test_nobody_rates_their_own_work_or_anothers_request(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
) -> None:
    ticket = await opened(requester_client)
    path = f"/v1/tickets/{ticket['id']}"
    await agent_client.post(f"{path}/resolve", json=FIX)
    refused = await agent_client.post(f"{path}/rate", json={"score": 5})
    assert (refused.status_code, refused.json()["code"]) == (403, "action_forbidden")
    assert (await as_user(await a_user()).post(f"{path}/rate", json={"score": 1})).status_code == 404
    own = await opened(agent_client)
    await agent_client.post(f"/v1/tickets/{own['id']}/resolve", json=FIX)
    assert (await agent_client.post(f"/v1/tickets/{own['id']}/rate", json={"score": 5})).status_code == 403
    offered = {one["action"]: one for one in (await requester_client.get(path)).json()["allowed_actions"]}
    assert (offered["rate"]["allowed"], offered["rate"]["required_fields"]) == (True, ["score"])
    colleague = as_user(await a_user(role=Role.AGENT))
    assert (await colleague.post(f"{path}/rate", json={"score": 5})).status_code == 403


async def test_who_took_the_call_does_not_speak_for_the_requester(a_user: Make, a_team: Make, as_user: AsUser) -> None:
    person, team = await a_user(), await a_team(auto_assign=False)
    agent, clerk = as_user(await a_user(role=Role.AGENT, teams=[team])), as_user(await a_user(role=Role.AGENT))
    fields = {"requester_id": f"usr_{person.id.hex}", "team_id": f"tea_{team.id.hex}", "channel": "phone"}
    # Neither who works on it, nor who only wrote it down and sees it no other way.
    for caller in (agent, clerk):
        path = f"/v1/tickets/{(await opened(caller, **fields))['id']}"
        await agent.post(f"{path}/resolve", json=FIX)
        offered = {one["action"]: one["allowed"] for one in (await caller.get(path)).json()["allowed_actions"]}
        assert (offered["confirm"], offered["rate"]) == (False, False)
        listed = (await caller.get("/v1/tickets", params={"requester_id": fields["requester_id"]})).json()["data"]
        (one,) = [one for one in listed if one["url"] == path]
        assert {action["action"]: action["allowed"] for action in one["allowed_actions"]} == offered
        for verb, body in (("confirm", {}), ("rate", {"score": 5})):
            reply = await caller.post(f"{path}/{verb}", json=body)
            assert (reply.status_code, reply.json()["code"]) == (403, "action_forbidden")
        assert (await as_user(person).post(f"{path}/confirm", json={})).json()["status"] == "closed"


async def test_one_of_two_at_once_is_told_that_it_has_changed(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    ticket = await opened(requester_client)
    path = f"/v1/tickets/{ticket['id']}"
    await agent_client.post(f"{path}/resolve", json=FIX)
    held = {"If-Match": (await requester_client.get(path)).headers["etag"]}
    replies = await asyncio.gather(
        *(requester_client.post(f"{path}/rate", json={"score": score}, headers=held) for score in (1, 5))
    )
    assert sorted(reply.status_code for reply in replies) == [200, 412]
