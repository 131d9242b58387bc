"""Several clients on one ticket, with real commits: nobody's word is lost, and who overwrites is told first."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database.session import Database
from helpdesk_api.main import create_app
from tests.domains.tickets.test_search import opened
from tests.factories.records import make_user
from tests.fixtures.clients import client_of, test_authenticator

TAGS = [f"tag-{number}" for number in range(8)]


@pytest.fixture
def desk(settings: Settings, own_database: Database) -> FastAPI:
    app = create_app(settings, database=own_database)
    app.state.authenticator = test_authenticator
    return app


async def somebody(desk: FastAPI, database: Database, role: Role) -> httpx.AsyncClient:
    return client_of(desk, f"test-{(await make_user(database, role=role)).id.hex}")


async def tagged(client: httpx.AsyncClient, path: str, tag: str) -> int:
    """How often it took: who is told that the ticket has changed reads it again, and adds to what is there."""
    for attempt in range(1, 20):
        read = await client.get(path)
        body, held = {"tags": [*read.json()["tags"], tag]}, {"If-Match": read.headers["etag"]}
        written = await client.patch(path, json=body, headers=held)
        if written.status_code == 200:
            return attempt
        assert written.json()["code"] == "precondition_failed"
    message = "somebody else was always first"
    raise AssertionError(message)


async def test_two_clients_on_one_ticket_lose_no_update(desk: FastAPI, own_database: Database) -> None:
    nora = await somebody(desk, own_database, Role.REQUESTER)
    one, two = [await somebody(desk, own_database, Role.AGENT) for _ in range(2)]
    path = (await opened(nora))["url"]
    said = [("Mine", one), ("Also", two), ("And", one), ("Well", nora), ("So", two)]
    calls: list[Any] = [
        one.patch(path, json={"subject": "The VPN drops at eight"}),
        two.patch(path, json={"affected_service": "VPN"}),
        nora.patch(path, json={"steps_tried": "Restarted it."}),
        *(client.post(f"{path}/comments", json={"body": text}) for text, client in said),
        *(client.post(f"{path}/checklist-items", json={"title": "Ask"}) for client in (one, two)),
        *(client.post(f"{path}/time-entries", json={"seconds": 60}) for client in (one, two)),
        one.post(f"{path}/start", json={}),
    ]
    assert {reply.status_code for reply in await asyncio.gather(*calls)} <= {200, 201}
    ticket = (await one.get(path)).json()
    kept = ("subject", "affected_service", "steps_tried", "status", "public_comment_count", "checklist_count")
    assert [ticket[name] for name in kept] == [
        "The VPN drops at eight", "VPN", "Restarted it.", "in_progress", len(said), 2,
    ]  # fmt: skip
    comments = (await one.get(f"{path}/comments")).json()["data"]
    assert {comment["body"] for comment in comments} == {text for text, _ in said}
    assert (await one.get(f"{path}/time-entries")).json()["totals"]["seconds"] == 120
    told = [event["type"] for event in (await one.get(f"{path}/history?limit=100")).json()["data"]]
    assert [told.count(kind) for kind in ("ticket.updated", "comment.created", "ticket.started")] == [3, len(said), 1]


async def test_who_would_overwrite_another_is_told(desk: FastAPI, own_database: Database) -> None:
    one, two = [await somebody(desk, own_database, Role.AGENT) for _ in range(2)]
    path = (await opened(one))["url"]
    held = {"If-Match": (await one.get(path)).headers["etag"]}
    both = (client.patch(path, json={"subject": text}, headers=held) for client, text in ((one, "A"), (two, "B")))
    assert sorted(reply.status_code for reply in await asyncio.gather(*both)) == [200, 412]
    await asyncio.gather(*(tagged((one, two)[place % 2], path, tag) for place, tag in enumerate(TAGS)))
    assert sorted((await one.get(path)).json()["tags"]) == TAGS


async def steps(client: httpx.AsyncClient, path: str) -> int:
    history = (await client.get(f"{path}/history", params={"limit": 100})).json()["data"]
    return sum(event["type"].startswith("ticket.") for event in history)


async def test_of_two_steps_at_once_one_is_taken_and_the_other_told(desk: FastAPI, own_database: Database) -> None:
    nora = await somebody(desk, own_database, Role.REQUESTER)
    one, two = [await somebody(desk, own_database, Role.AGENT) for _ in range(2)]
    fix, why = {"resolution_code": "fixed", "resolution_text": "Done."}, {"reason": "Why not."}
    for is_resolved, *both in (
        (False, (one, "resolve", fix), (two, "resolve", fix)),
        (False, (one, "resolve", fix), (nora, "cancel", why)),
        (False, (one, "start", {}), (two, "start", {})),
        (True, (one, "close", {}), (nora, "reopen", why)),
        (True, (nora, "confirm", {}), (two, "close", {})),
        (True, (nora, "reopen", why), (two, "reopen", why)),
    ):
        path = (await opened(nora))["url"]
        if is_resolved:
            await one.post(f"{path}/resolve", json=fix)
        before = await steps(one, path)
        replies = await asyncio.gather(*(client.post(f"{path}/{verb}", json=body) for client, verb, body in both))
        (taken,) = [reply for reply in replies if reply.status_code == 200]
        (refused,) = [reply for reply in replies if reply.status_code != 200]
        assert (refused.status_code, refused.json()["code"]) == (409, "transition_not_allowed"), both
        # The loser is told of the winner's status, and the history has one step.
        assert refused.json()["params"]["status"] == taken.json()["status"] == (await one.get(path)).json()["status"]
        assert await steps(one, path) == before + 1


async def test_a_reply_meets_the_ticket_as_the_other_left_it(desk: FastAPI, own_database: Database) -> None:
    nora = await somebody(desk, own_database, Role.REQUESTER)
    agent = await somebody(desk, own_database, Role.AGENT)
    fix = {"resolution_code": "fixed", "resolution_text": "Done."}
    for _ in range(4):
        path = (await opened(nora))["url"]
        await agent.post(f"{path}/resolve", json=fix)
        closed, said = await asyncio.gather(
            agent.post(f"{path}/close", json={}), nora.post(f"{path}/comments", json={"body": "It is back."})
        )
        assert said.status_code == 201
        ticket = (await agent.get(path)).json()
        # Either it was reopened and could not be closed, or it was closed and is followed up.
        was_first = closed.status_code == 200
        assert (ticket["status"], ticket["public_comment_count"]) == (("closed", 0) if was_first else ("open", 1))
        assert (said.json()["follow_up"] is not None) is was_first
