"""Links to many files at once: what a browser needs that cannot sign in, and nothing more."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.domains.attachments import storing
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.integrations.antivirus.fake import FakeScanner
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.integrations.storage.memory import MemoryStorage
from helpdesk_api.worker import drain
from tests.domains.attachments.files import picture, uploaded
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

NEW = {"subject": "The screen flickers", "description": "See the picture."}
WITH_LINKS = {"links": "true"}


@pytest.fixture(autouse=True)
def store(app: FastAPI) -> MemoryStorage:
    store = MemoryStorage()
    storing.use_storage(store, None)
    delivery.use_transport(FakeMail())
    return store


async def opened(client: httpx.AsyncClient, *files: dict[str, Any]) -> str:
    body = {**NEW, "attachment_ids": [file["id"] for file in files]}
    reply = await client.post("/v1/tickets", json=body)
    assert reply.status_code == 201, reply.text
    return f"/v1/tickets/{reply.json()['id']}"


async def listed(client: httpx.AsyncClient, path: str, **asked: str) -> list[dict[str, Any]]:
    reply = await client.get(f"{path}/attachments", params=asked)
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["data"]
    return found


async def test_pictures_of_a_ticket_in_one_call(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, client: httpx.AsyncClient, database: Database
) -> None:
    content = picture()
    path = await opened(requester_client, await uploaded(requester_client, content, "a.png"))
    said = await uploaded(requester_client, b"said")
    assert (
        await requester_client.post(f"{path}/comments", json={"body": "x", "attachment_ids": [said["id"]]})
    ).status_code == 201
    await drain(database)
    now = clock.now()
    for reader in (requester_client, agent_client):
        with clock.frozen(now):
            reply = await reader.get(f"{path}/attachments", params=WITH_LINKS)
        assert "etag" not in reply.headers
        assert reply.headers["cache-control"] == "private, no-store"
        shown, other = reply.json()["data"]
        assert (await client.get(shown["download_url"])).content == content
        assert (await client.get(shown["thumbnail_url"])).headers["content-type"] == "image/png"
        assert (await client.get(other["download_url"])).content == b"said"
        assert other["thumbnail_url"] is None
        ends = {datetime.fromisoformat(one["links_expire_at"]) for one in (shown, other)}
        assert ends == {now + timedelta(minutes=5)}
    plain = await requester_client.get(f"{path}/attachments")
    assert "no-store" not in plain.headers["cache-control"]
    for one in plain.json()["data"]:
        assert one["download_url"] is one["thumbnail_url"] is one["links_expire_at"] is None


async def test_links_are_for_whoever_may_read(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, as_user: AsUser, a_user: Make
) -> None:
    path = await opened(requester_client, await uploaded(requester_client))
    secret = await uploaded(agent_client, b"internal")
    body = {"body": "For us", "visibility": "internal", "attachment_ids": [secret["id"]]}
    assert (await agent_client.post(f"{path}/comments", json=body)).status_code == 201
    assert secret["id"] in [one["id"] for one in await listed(agent_client, path, links="true")]
    assert secret["id"] not in [one["id"] for one in await listed(requester_client, path, links="true")]
    stranger = await as_user(await a_user()).get(f"{path}/attachments", params=WITH_LINKS)
    assert (stranger.status_code, stranger.json()["code"]) == (404, "ticket_not_found")


async def test_a_link_of_a_list_ends_and_cannot_be_changed(
    requester_client: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    path = await opened(requester_client, await uploaded(requester_client))
    (shown,) = await listed(requester_client, path, links="true")
    link = shown["download_url"]
    assert (await client.get(link)).status_code == 200
    for place in (len("/v1/files/"), len(link) // 2, len(link) - 2):
        changed = link[:place] + ("A" if link[place] != "A" else "B") + link[place + 1 :]
        refused = await client.get(changed)
        assert (refused.status_code, refused.json()["code"]) == (404, "file_link_invalid"), place
    with clock.frozen(datetime.fromisoformat(shown["links_expire_at"])):
        late = await client.get(link)
    assert (late.status_code, late.json()["code"]) == (404, "file_link_invalid")
    assert late.json()["instance"] == "/v1/files/***"


async def test_links_follow_a_merged_ticket_and_end_with_a_file(
    requester_client: httpx.AsyncClient,
    admin_client: httpx.AsyncClient,
    client: httpx.AsyncClient,
    as_user: AsUser,
    a_user: Make,
) -> None:
    file = await uploaded(requester_client)
    old, into = await opened(requester_client, file), await opened(as_user(await a_user()))
    (before,) = await listed(requester_client, old, links="true")
    merged = await admin_client.post(f"{old}/merge", json={"into": into.removeprefix("/v1/tickets/")})
    assert merged.status_code == 200, merged.text
    (after,) = await listed(requester_client, old, links="true")
    (there,) = await listed(admin_client, into, links="true")
    links = [one["download_url"] for one in (before, after, there)]
    assert [(await client.get(link)).status_code for link in links] == [200] * 3
    assert (await admin_client.delete(f"/v1/attachments/{file['id']}")).status_code == 204
    assert [(await client.get(link)).json()["code"] for link in links] == ["file_link_invalid"] * 3


async def test_a_front_end_of_another_site_shows_pictures_if_it_is_named(
    requester_client: httpx.AsyncClient, client: httpx.AsyncClient, app: FastAPI
) -> None:
    path = await opened(requester_client, await uploaded(requester_client, picture(), "a.png"))
    (shown,) = await listed(requester_client, path, links="true")
    for origins, policy in ([], "same-site"), (["https://desk.example.org"], "cross-origin"):
        app.state.settings = app.state.settings.model_copy(update={"cors_origins": origins})
        file = await client.get(shown["download_url"])
        assert file.headers["cross-origin-resource-policy"] == policy


async def test_what_is_not_available_has_no_link(
    requester_client: httpx.AsyncClient, database: Database, store: MemoryStorage
) -> None:
    storing.use_storage(store, FakeScanner())
    path = await opened(requester_client, await uploaded(requester_client, b"an EVIL file"))
    for state in ("scanning", "refused"):
        (one,) = await listed(requester_client, path, links="true")
        assert one["state"] == state
        assert one["download_url"] is one["thumbnail_url"] is one["links_expire_at"] is None
        await drain(database)


async def test_links_take_no_statement(requester_client: httpx.AsyncClient) -> None:
    path = await opened(requester_client, *[await uploaded(requester_client, b"x") for _ in range(5)])
    counts = set()
    for asked in ({}, WITH_LINKS):
        counted = StatementCount()
        token = statement_count.set(counted)
        try:
            assert len(await listed(requester_client, path, **asked)) == 5
        finally:
            statement_count.reset(token)
        counts.add(counted.value)
    assert len(counts) == 1, counts
