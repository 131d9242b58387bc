"""A requester never learns that anything internal exists: all that they can fetch stays the same, to the byte."""

import re
from typing import Any

import httpx

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.session import Database
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.worker import drain
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

NEW = {"subject": "VPN drops", "description": "It drops.", "impact": "medium", "urgency": "high"}
SECRET = "theinternalword"
_CURSOR = re.compile(r'"(next_cursor|prev_cursor|complete_through)":\s*"[^"]*"')


async def everything(client: httpx.AsyncClient, path: str) -> dict[str, tuple[int, str | None, str]]:
    """Status, ETag and body of all that a requester can ask about a ticket and around it."""
    ticket_id = path.rpartition("/")[2]
    questions = [
        path,
        f"{path}?include=requester,submitter,assignee,team,category,last_comment",
        f"{path}/comments",
        f"{path}/comments?include_total=true&sort=-created_at",
        f"{path}/history",
        f"{path}/participants",
        f"{path}/watchers",
        f"{path}/assignments",
        "/v1/tickets?counts=true&include_total=true&include=last_comment&sort=-updated_at",
        "/v1/tickets?sort=updated_at",
        f"/v1/tickets?q={SECRET}",
        "/v1/tickets?watching=true",
        f"/v1/events?ticket_id={ticket_id}",
        "/v1/events",
    ]
    found = {}
    for question in questions:
        reply = await client.get(question)
        # A cursor is sealed anew each time; that it is there, and how long it is, still counts.
        body = _CURSOR.sub(lambda match: f"{match[1]}:{len(match[0])}", reply.text)
        body = re.sub(r'"request_id":\s*"[^"]*"', "", body)
        found[question] = (reply.status_code, reply.headers.get("etag"), body)
    return found


INTERNAL: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "{path}/comments", {"body": f"{SECRET} one", "visibility": "internal"}),
    ("POST", "{path}/comments", {"body": f"{SECRET} two", "visibility": "internal"}),
    ("PUT", "{path}/watchers/{watcher}", None),
    ("POST", "{path}/comments", {"body": f"{SECRET} three", "visibility": "internal", "mention_ids": ["{watcher}"]}),
    ("DELETE", "{path}/watchers/{watcher}", None),
]


async def test_nothing_internal_can_be_seen(database: Database, a_user: Make, a_team: Make, as_user: AsUser) -> None:
    delivery.use_transport(FakeMail())
    team = await a_team(auto_assign=False)
    desk, watcher = as_user(await a_user(role=Role.ADMIN)), await a_user(role=Role.AGENT, teams=[team])
    requester = as_user(await a_user())
    opened = await requester.post("/v1/tickets", json=NEW)
    path = f"/v1/tickets/{opened.json()['id']}"
    await desk.post(f"{path}/comments", json={"body": "A public answer"})
    await drain(database)
    before = await everything(requester, path)
    etag = before[path][1]
    for method, template, body in INTERNAL:
        names = {"path": path, "watcher": f"usr_{watcher.id.hex}"}
        filled = {**body, "mention_ids": [names["watcher"]]} if body and "mention_ids" in body else body
        done = await desk.request(method, template.format(**names), json=filled)
        assert done.status_code in {201, 204}, done.text
        await drain(database)
        assert await everything(requester, path) == before, (method, template)
        same = await requester.get(path, headers={"If-None-Match": str(etag)})
        assert same.status_code == 304
    # The desk saw each of them.
    assert (await desk.get(path)).json()["internal_comment_count"] == 3
    assert (await desk.get(path)).headers["etag"] != etag


async def test_an_internal_comment_is_not_there_for_the_requester(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    opened = await requester_client.post("/v1/tickets", json=NEW)
    path = f"/v1/tickets/{opened.json()['id']}"
    internal = await agent_client.post(f"{path}/comments", json={"body": SECRET, "visibility": "internal"})
    comment = internal.headers["location"]
    never = f"{path}/comments/cmt_{'0' * 32}"
    for suffix in ("", "/revisions"):
        there, nowhere = [await requester_client.get(f"{one}{suffix}") for one in (comment, never)]
        assert (there.status_code, there.json()["code"]) == (404, "comment_not_found")
        assert {**there.json(), "request_id": "", "instance": ""} == {
            **nowhere.json(),
            "request_id": "",
            "instance": "",
        }
    patched = await requester_client.patch(comment, json={"body": "x"})
    assert (patched.status_code, patched.json()["code"]) == (404, "comment_not_found")
    event = (await agent_client.get(f"{path}/history")).json()["data"][-1]
    assert event["visibility"] == "internal"
    assert (await requester_client.get(f"/v1/events/{event['id']}")).status_code == 404


async def test_a_requester_cannot_speak_internally(requester_client: httpx.AsyncClient) -> None:
    opened = await requester_client.post("/v1/tickets", json=NEW)
    path = f"/v1/tickets/{opened.json()['id']}/comments"
    reply = await requester_client.post(path, json={"body": "x", "visibility": "internal"})
    assert (reply.status_code, reply.json()["code"]) == (403, "action_forbidden")
