"""Files that come along with a change of a ticket, as they do when it is opened."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from helpdesk_api.domains.attachments import storing
from helpdesk_api.integrations.storage.memory import MemoryStorage
from tests.domains.attachments.files import picture, uploaded

NEW = {"subject": "The screen flickers", "description": "See the picture."}


@pytest.fixture(autouse=True)
def store(app: FastAPI) -> None:
    storing.use_storage(MemoryStorage(), None)


@pytest.fixture
async def path(requester_client: httpx.AsyncClient) -> str:
    made = await requester_client.post("/v1/tickets", json=NEW)
    return f"/v1/tickets/{made.json()['id']}"


async def added(client: httpx.AsyncClient, path: str) -> list[str]:
    history = (await client.get(f"{path}/history")).json()["data"]
    return [one["subject"]["id"] for one in history if one["type"] == "attachment.added"]


async def test_a_changed_description_shows_new_pictures(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, path: str
) -> None:
    for client in (requester_client, agent_client):
        mine = await uploaded(client, picture(), "a.png")
        body = {"description": f"![Here](attachment:{mine['id']})", "attachment_ids": [mine["id"]]}
        replies = [await client.patch(path, json=body, headers={"Idempotency-Key": mine["id"]}) for _ in range(2)]
        assert [reply.status_code for reply in replies] == [200, 200], replies[0].text
        assert replies[1].headers["idempotency-replayed"] == "true"
        shown = f'<p><img src="/v1/attachments/{mine["id"]}/download" alt="Here"></p>\n'
        assert replies[0].json()["description_html"] == replies[1].json()["description_html"] == shown
        assert (await requester_client.get(path)).json()["description_html"] == shown
        assert (await added(requester_client, path))[-1] == mine["id"]
    assert len(await added(requester_client, path)) == 2


async def test_files_alone_are_a_change(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, path: str
) -> None:
    mine = await uploaded(requester_client, picture(), "a.png")
    named = await requester_client.patch(path, json={"description": f"![Here](attachment:{mine['id']})"})
    assert mine["id"] not in named.json()["description_html"]
    given = await requester_client.patch(path, json={"attachment_ids": [mine["id"]]})
    assert f"{mine['id']}/download" in given.json()["description_html"]
    assert given.headers["etag"] != named.headers["etag"]
    assert [one["id"] for one in (await agent_client.get(f"{path}/attachments")).json()["data"]] == [mine["id"]]
    assert await added(requester_client, path) == [mine["id"]]
    nothing = await requester_client.patch(path, json={"attachment_ids": []})
    assert nothing.headers["etag"] == given.headers["etag"]


async def test_only_ones_own_unused_uploads_come_along(
    requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, path: str
) -> None:
    mine, others = await uploaded(requester_client), await uploaded(admin_client)
    assert (await requester_client.patch(path, json={"attachment_ids": [mine["id"]]})).status_code == 200
    fresh = await uploaded(requester_client)
    before = (await requester_client.get(path)).headers["etag"]
    for wrong in (mine["id"], others["id"], "att_" + "0" * 32):
        body: dict[str, Any] = {"subject": "Another", "attachment_ids": [fresh["id"], wrong]}
        refused = await requester_client.patch(path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "attachment_not_usable")
        assert refused.json()["errors"][0]["pointer"] == "#/attachment_ids/1"
    for value in (None, "x", ["usr_" + "0" * 32], [f"att_{number:032x}" for number in range(21)]):
        refused = await requester_client.patch(path, json={"attachment_ids": value})
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed"), value
    assert (await requester_client.get(path)).headers["etag"] == before
    assert (await requester_client.get(f"/v1/attachments/{fresh['id']}")).json()["ticket_id"] is None
