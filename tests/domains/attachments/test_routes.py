"""Files by the API: taken, referred to once, seen by whom, and gone."""

import asyncio
import hashlib
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from helpdesk_api.database.ids import new_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.attachments import actions, storing
from helpdesk_api.domains.attachments.errors import TooManyUploads
from helpdesk_api.domains.attachments.inspection import Inspected
from helpdesk_api.domains.attachments.storing import object_key
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.integrations.storage.memory import MemoryStorage
from helpdesk_api.worker import drain
from tests.domains.attachments.files import PDF, archive, nested_many, picture, upload, uploaded
from tests.factories.records import Make, make_user, principal_of
from tests.fixtures.clients import AsUser

NEW = {"subject": "The screen flickers", "description": "See the picture."}


@pytest.fixture(autouse=True)
def store(app: FastAPI) -> MemoryStorage:
    store = MemoryStorage()
    storing.use_storage(store, None)
    delivery.use_transport(FakeMail())
    return store


@pytest.fixture
async def ticket(requester_client: httpx.AsyncClient) -> dict[str, Any]:
    made: dict[str, Any] = (await requester_client.post("/v1/tickets", json=NEW)).json()
    return made


async def content_of(client: httpx.AsyncClient, attachment: dict[str, Any], **headers: str) -> httpx.Response:
    link = await client.get(f"/v1/attachments/{attachment['id']}/download")
    assert link.status_code == 302, link.text
    return await client.get(link.headers["location"], headers=headers)


async def test_nothing_is_left_of_an_archive_of_archives(
    requester_client: httpx.AsyncClient, store: MemoryStorage
) -> None:
    reply = await upload(requester_client, nested_many("{}.dat"), "logs.zip")
    assert (reply.status_code, reply.json()["code"]) == (422, "archive_bomb"), reply.text
    assert store.objects == {}
    await uploaded(requester_client, archive({"a.docx": archive({"document.xml": b"<a/>"})}), "letters.zip")


async def test_what_is_uploaded_comes_back(requester_client: httpx.AsyncClient, store: MemoryStorage) -> None:
    content = picture()
    reply = await upload(requester_client, content, "../../secret/C:\\Bild\u202egnp.exe.png")
    assert reply.status_code == 201, reply.text
    made = reply.json()
    assert reply.headers["location"] == f"/v1/attachments/{made['id']}"
    assert (made["name"], made["content_type"], made["state"]) == ("Bildgnp.exe.png", "image/png", "available")
    assert (made["size_bytes"], made["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert made["ticket_id"] is made["comment_id"] is None
    assert len(store.objects) == 1
    held = await requester_client.get(reply.headers["location"])
    assert held.json() == made
    assert held.headers["etag"] == reply.headers["etag"]
    again = await requester_client.get(reply.headers["location"], headers={"If-None-Match": held.headers["etag"]})
    assert again.status_code == 304
    file = await content_of(requester_client, made)
    assert (file.status_code, file.content) == (200, content)
    assert file.headers["content-type"] == "image/png"
    assert file.headers["content-disposition"].startswith('attachment; filename="Bildgnp.exe.png"')
    assert file.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in file.headers["content-security-policy"]


async def test_a_link_needs_no_sign_in_and_is_nobodys_guess(
    requester_client: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    made = await uploaded(requester_client)
    path = f"/v1/attachments/{made['id']}/download"
    link = (await requester_client.get(path, headers={"Accept": "application/json"})).json()
    assert (await client.get(link["url"])).content == b"hello"
    for wrong in (link["url"][:-2], "/v1/files/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "/v1/files/abcdefgh"):
        refused = await client.get(wrong)
        assert (refused.status_code, refused.json()["code"]) == (404, "file_link_invalid"), wrong


async def test_parts_of_a_file(requester_client: httpx.AsyncClient) -> None:
    content = bytes(range(97, 107)) * 10
    made = await uploaded(requester_client, content)
    etag = (await content_of(requester_client, made)).headers["etag"]
    for asked, part in {"bytes=0-9": slice(0, 10), "bytes=90-": slice(90, None), "bytes=-5": slice(-5, None)}.items():
        reply = await content_of(requester_client, made, Range=asked)
        assert (reply.status_code, reply.content) == (206, content[part]), asked
        assert reply.headers["content-range"].endswith("/100")
    assert (await content_of(requester_client, made, Range="bytes=0-1,5-6")).status_code == 200
    assert (await content_of(requester_client, made, Range="bytes=5-2")).status_code == 200
    assert (await content_of(requester_client, made, Range="bytes=0-1", **{"If-Range": '"old"'})).status_code == 200
    assert (await content_of(requester_client, made, Range="bytes=0-1", **{"If-Range": etag})).status_code == 206
    refused = await content_of(requester_client, made, Range="bytes=100-")
    assert (refused.status_code, refused.json()["code"]) == (416, "range_not_satisfiable")
    assert (await content_of(requester_client, made, **{"If-None-Match": etag})).status_code == 304


async def test_head_reads_no_file(
    requester_client: httpx.AsyncClient, store: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await uploaded(requester_client)
    link = (await requester_client.get(f"/v1/attachments/{made['id']}/download")).headers["location"]
    whole = await requester_client.get(link)
    monkeypatch.setattr(store, "read", None)
    reply = await requester_client.head(link)
    assert (reply.status_code, reply.content) == (200, b"")
    for name in ("content-length", "content-disposition", "content-type", "etag", "accept-ranges"):
        assert reply.headers[name] == whole.headers[name]
    part = await requester_client.head(link, headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.headers["content-length"]) == (206, "3")


async def test_another_persons_upload_is_not_there(
    requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, ticket: dict[str, Any]
) -> None:
    made = await uploaded(requester_client)
    for path in ("", "/download", "/thumbnail"):
        reply = await admin_client.get(f"/v1/attachments/{made['id']}{path}")
        assert (reply.status_code, reply.json()["code"]) == (404, "attachment_not_found")
    assert (await admin_client.delete(f"/v1/attachments/{made['id']}")).status_code == 404
    body = {"body": "mine now", "attachment_ids": [made["id"]]}
    taken = await admin_client.post(f"/v1/tickets/{ticket['id']}/comments", json=body)
    assert (taken.status_code, taken.json()["code"]) == (422, "attachment_not_usable")
    assert taken.json()["errors"][0]["pointer"] == "#/attachment_ids/0"
    assert (await requester_client.get(f"/v1/tickets/{ticket['id']}/comments")).json()["data"] == []


async def test_files_of_a_comment_and_of_a_ticket(
    requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient
) -> None:
    first, second = await uploaded(requester_client, PDF, "a.pdf"), await uploaded(requester_client, b"two")
    opened = await requester_client.post("/v1/tickets", json={**NEW, "attachment_ids": [first["id"]]})
    assert opened.status_code == 201, opened.text
    path = f"/v1/tickets/{opened.json()['id']}"
    body = {"body": "And the log.", "attachment_ids": [second["id"]]}
    said = await requester_client.post(f"{path}/comments", json=body)
    assert said.status_code == 201, said.text
    shown = {name: second[name] for name in ("id", "name", "content_type", "size_bytes", "state")}
    assert said.json()["attachments"] == [shown]
    assert (await admin_client.get(f"{path}/comments/{said.json()['id']}")).json()["attachments"] == [shown]
    listed = (await admin_client.get(f"{path}/attachments", params={"include_total": True})).json()
    assert [(one["id"], one["comment_id"]) for one in listed["data"]] == [
        (first["id"], None),
        (second["id"], said.json()["id"]),
    ]
    assert listed["total"] == 2
    page = (await admin_client.get(f"{path}/attachments", params={"limit": 1, "sort": "-created_at"})).json()
    assert [one["id"] for one in page["data"]] == [second["id"]]
    again = await requester_client.post(f"{path}/comments", json={"body": "x", "attachment_ids": [first["id"]]})
    assert again.json()["code"] == "attachment_not_usable"
    history = (await requester_client.get(f"{path}/history")).json()["data"]
    added = [one for one in history if one["type"] == "attachment.added"]
    assert {one["subject"]["id"] for one in added} == {first["id"], second["id"]}
    assert (await content_of(admin_client, first)).content == PDF


async def test_an_internal_comments_file_is_not_there_for_requesters(
    requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, ticket: dict[str, Any]
) -> None:
    path = f"/v1/tickets/{ticket['id']}"
    places = (path, f"{path}/attachments?include_total=true", f"{path}/history", f"{path}/comments?include_total=true")
    before = [(reply.content, reply.headers.get("etag")) for reply in [await requester_client.get(p) for p in places]]
    made = await uploaded(admin_client, b"the password is swordfish", "swordfish.txt")
    body = {"body": "Internal", "visibility": "internal", "attachment_ids": [made["id"]]}
    assert (await admin_client.post(f"{path}/comments", json=body)).status_code == 201
    after = [(reply.content, reply.headers.get("etag")) for reply in [await requester_client.get(p) for p in places]]
    assert after == before
    for tail in ("", "/download", "/thumbnail"):
        assert (await requester_client.get(f"/v1/attachments/{made['id']}{tail}")).status_code == 404
    assert (await requester_client.delete(f"/v1/attachments/{made['id']}")).status_code == 404
    assert (await requester_client.get("/v1/tickets", params={"q": "swordfish"})).json()["data"] == []
    assert len((await admin_client.get("/v1/tickets", params={"q": "swordfish"})).json()["data"]) == 1
    held = (await admin_client.get(f"/v1/attachments/{made['id']}")).json()
    assert held["visibility"] == "internal"
    assert (await admin_client.delete(f"/v1/attachments/{made['id']}")).status_code == 204
    after = [(reply.content, reply.headers.get("etag")) for reply in [await requester_client.get(p) for p in places]]
    assert after == before


async def test_two_who_refer_to_one_at_once(requester_client: httpx.AsyncClient, ticket: dict[str, Any]) -> None:
    made = await uploaded(requester_client)
    path, body = f"/v1/tickets/{ticket['id']}/comments", {"body": "Here", "attachment_ids": [made["id"]]}
    replies = await asyncio.gather(*(requester_client.post(path, json=body) for _ in range(2)))
    assert sorted(reply.status_code for reply in replies) == [201, 422]
    assert len((await requester_client.get(path)).json()["data"]) == 1


async def test_a_picture_inside_the_text(
    requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, ticket: dict[str, Any], database: Database
) -> None:
    mine, other = await uploaded(requester_client, picture(), "a.png"), await uploaded(requester_client, picture())
    path = f"/v1/tickets/{ticket['id']}/comments"
    text = f"![Here](attachment:{mine['id']}) ![There](attachment:{other['id']})"
    said = (await requester_client.post(path, json={"body": text, "attachment_ids": [mine["id"]]})).json()
    shown = f'<img src="/v1/attachments/{mine["id"]}/download" alt="Here">'
    assert shown in said["body_html"]
    assert f"{other['id']}/download" not in said["body_html"]
    assert '<img alt="There">' in said["body_html"]
    edited = await requester_client.patch(f"{path}/{said['id']}", json={"body": f"Again {text}"})
    assert shown in edited.json()["body_html"]
    assert other["id"] not in edited.json()["body_html"]
    assert (await requester_client.delete(f"/v1/attachments/{mine['id']}")).status_code == 204
    left = await requester_client.get(f"{path}/{said['id']}")
    assert left.headers["etag"] != edited.headers["etag"]
    assert mine["id"] not in left.json()["body_html"]
    assert left.json()["attachments"] == []


async def test_a_picture_inside_the_description(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, admin_client: httpx.AsyncClient
) -> None:
    mine, other = await uploaded(requester_client, picture(), "a.png"), await uploaded(requester_client, picture())
    text = f"![Here](attachment:{mine['id']}) ![There](attachment:{other['id']})"
    body = {**NEW, "description": text, "attachment_ids": [mine["id"]]}
    made = (await requester_client.post("/v1/tickets", json=body)).json()
    shown = f'<img src="/v1/attachments/{mine["id"]}/download" alt="Here">'
    assert made["description_html"] == f'<p>{shown} <img alt="There"></p>\n'
    assert (await content_of(agent_client, mine)).status_code == 200
    edited = await requester_client.patch(made["url"], json={"description": f"Again {text}"})
    assert edited.json()["description_html"] == f'<p>Again {shown} <img alt="There"></p>\n'
    same = await requester_client.patch(made["url"], json={"description": f"Again {text}", "subject": "It flickers"})
    assert same.json()["description_html"] == edited.json()["description_html"]
    assert (await admin_client.delete(f"/v1/attachments/{mine['id']}")).status_code == 204
    left = await requester_client.get(made["url"])
    assert left.headers["etag"] != edited.headers["etag"]
    assert mine["id"] not in left.json()["description_html"]


async def test_who_may_delete(
    requester_client: httpx.AsyncClient,
    agent_client: httpx.AsyncClient,
    admin_client: httpx.AsyncClient,
    ticket: dict[str, Any],
    database: Database,
    store: MemoryStorage,
) -> None:
    one, two = await uploaded(requester_client, b"one"), await uploaded(requester_client, b"two")
    path = f"/v1/tickets/{ticket['id']}"
    body = {"body": "Both", "attachment_ids": [one["id"], two["id"]]}
    await requester_client.post(f"{path}/comments", json=body)
    for caller, allowed, reason in (
        (agent_client, False, "not_the_uploader"),
        (requester_client, True, None),
        (admin_client, True, None),
    ):
        actions = (await caller.get(f"/v1/attachments/{one['id']}")).json()["allowed_actions"]
        assert {"action": "delete", "allowed": allowed, "reason_code": reason, "required_fields": []} in actions
        assert {"action": "download", "allowed": True, "reason_code": None, "required_fields": []} in actions
    refused = await agent_client.delete(f"/v1/attachments/{one['id']}")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_the_uploader")
    stale = await requester_client.delete(f"/v1/attachments/{one['id']}", headers={"If-Match": '"v1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    link = (await requester_client.get(f"/v1/attachments/{one['id']}/download")).headers["location"]
    assert (await requester_client.delete(f"/v1/attachments/{one['id']}")).status_code == 204
    assert (await admin_client.delete(f"/v1/attachments/{two['id']}")).status_code == 204
    assert (await requester_client.delete(f"/v1/attachments/{one['id']}")).status_code == 404
    assert (await requester_client.get(link)).json()["code"] == "file_link_invalid"
    assert len(store.objects) == 2
    await drain(database)
    assert store.objects == {}
    history = (await requester_client.get(f"{path}/history")).json()["data"]
    assert [one["type"] for one in history].count("attachment.removed") == 2


async def test_after_the_edit_window_only_administrators_delete(
    requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, ticket: dict[str, Any], app: Any
) -> None:
    made = await uploaded(requester_client)
    body = {"body": "Here", "attachment_ids": [made["id"]]}
    await requester_client.post(f"/v1/tickets/{ticket['id']}/comments", json=body)
    app.state.settings = app.state.settings.model_copy(update={"comment_edit_window_seconds": -1})
    refused = await requester_client.delete(f"/v1/attachments/{made['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "deletion_window_passed")
    assert (await admin_client.delete(f"/v1/attachments/{made['id']}")).status_code == 204


async def test_files_follow_a_merged_ticket(
    requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
) -> None:
    own, said = await uploaded(requester_client, b"own"), await uploaded(requester_client, b"said")
    old = (await requester_client.post("/v1/tickets", json={**NEW, "attachment_ids": [own["id"]]})).json()
    body = {"body": "x", "attachment_ids": [said["id"]]}
    await requester_client.post(f"/v1/tickets/{old['id']}/comments", json=body)
    into = (await as_user(await a_user()).post("/v1/tickets", json=NEW)).json()
    merged = await admin_client.post(f"/v1/tickets/{old['id']}/merge", json={"into": into["id"]})
    assert merged.status_code == 200, merged.text
    listed = (await admin_client.get(f"/v1/tickets/{into['id']}/attachments")).json()["data"]
    assert [(one["id"], one["ticket_id"]) for one in listed] == [(own["id"], into["id"]), (said["id"], into["id"])]
    # Whoever sees only the old one finds them where they were.
    seen = (await requester_client.get(f"/v1/tickets/{old['id']}/attachments")).json()["data"]
    assert [(one["id"], one["ticket_id"]) for one in seen] == [(own["id"], old["id"]), (said["id"], old["id"])]
    alone = (await requester_client.get(f"/v1/attachments/{own['id']}")).json()
    assert alone["ticket_id"] == old["id"]
    for one in (alone, *seen):
        assert {action["action"]: action["reason_code"] for action in one["allowed_actions"]} == {
            "download": None,
            "delete": "merged",
        }
    refused = await requester_client.delete(f"/v1/attachments/{own['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "ticket_merged")
    assert (await admin_client.get(f"/v1/attachments/{own['id']}")).json()["ticket_id"] == into["id"]
    assert (await content_of(requester_client, said)).content == b"said"


async def test_one_key_one_upload(requester_client: httpx.AsyncClient, store: MemoryStorage) -> None:
    first, again = [await upload(requester_client, b"same", **{"Idempotency-Key": "up-1"}) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = await upload(requester_client, b"other", **{"Idempotency-Key": "up-1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(store.objects) == 1


async def test_there_is_an_end_of_uploads(requester_client: httpx.AsyncClient, store: MemoryStorage) -> None:
    for number in range(100):
        await uploaded(requester_client, b"%d" % number)
    refused = await upload(requester_client, b"one more")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_uploads")
    assert len(store.objects) == 100


async def test_the_last_place_is_taken_once(own_database: Database) -> None:
    caller = await principal_of(own_database, await make_user(own_database))
    together = asyncio.Barrier(4)
    found = Inspected("text/plain", 1, "0" * 64)

    async def keep() -> str:
        try:
            async with own_database.session() as session:
                await session.execute(select(1))
                await together.wait()
                await actions.keep_upload(session, caller, new_id(), "a.txt", found)
        except TooManyUploads:
            return "refused"
        return "kept"

    async with own_database.session() as session:
        for _ in range(actions.MAX_UNREFERENCED - 1):
            await actions.keep_upload(session, caller, new_id(), "a.txt", found)
    outcomes = await asyncio.gather(*[keep() for _ in range(4)])
    assert sorted(outcomes) == ["kept", "refused", "refused", "refused"]


async def test_a_store_that_does_not_answer(requester_client: httpx.AsyncClient, store: MemoryStorage) -> None:
    made = await uploaded(requester_client)
    link = (await requester_client.get(f"/v1/attachments/{made['id']}/download")).headers["location"]
    store.failure = "no route to host"
    for reply in (await upload(requester_client, b"x"), await requester_client.get(link)):
        assert (reply.status_code, reply.json()["code"]) == (503, "storage_unavailable")


async def test_statements_do_not_grow_with_the_files(
    requester_client: httpx.AsyncClient, ticket: dict[str, Any]
) -> None:
    path = f"/v1/tickets/{ticket['id']}"
    counts = []
    for number in range(6):
        made = [await uploaded(requester_client, b"x") for _ in range(2)]
        body = {"body": f"No. {number}", "attachment_ids": [one["id"] for one in made]}
        assert (await requester_client.post(f"{path}/comments", json=body)).status_code == 201
        counts.append(await _statements(requester_client, f"{path}/comments"))
        counts.append(await _statements(requester_client, f"{path}/attachments"))
    assert len(set(counts)) == 1, counts


async def _statements(client: httpx.AsyncClient, path: str) -> int:
    from helpdesk_api.database.statement_count import StatementCount, statement_count

    counted = StatementCount()
    token = statement_count.set(counted)
    try:
        await client.get(path)
    finally:
        statement_count.reset(token)
    return counted.value


async def test_object_keys_are_recognised(requester_client: httpx.AsyncClient, store: MemoryStorage) -> None:
    await uploaded(requester_client)
    (key,) = store.objects
    owner = storing.owner_of(key)
    assert owner is not None
    assert object_key(owner) == key
    assert storing.owner_of("00/doctor") is None


async def test_a_store_with_a_door_of_its_own_is_reached_through_ours(
    requester_client: httpx.AsyncClient, store: MemoryStorage, a_user: Make, as_user: AsUser
) -> None:
    store.door = "https://bucket.example.com"
    made = await uploaded(requester_client, b"hello", "Bericht für März.txt")
    (key,) = store.objects
    assert store.dispositions[key].endswith("Bericht%20f%C3%BCr%20M%C3%A4rz.txt")
    link = (await requester_client.get(f"/v1/attachments/{made['id']}/download")).headers["location"]
    sent = await requester_client.get(link)
    assert (sent.status_code, sent.headers["location"]) == (302, f"https://bucket.example.com/{key}?seconds=60")
    assert sent.headers["cache-control"] == "private, no-store"
    stranger = as_user(await a_user())
    assert (await stranger.get(f"/v1/attachments/{made['id']}/download")).status_code == 404
    assert (await requester_client.delete(f"/v1/attachments/{made['id']}")).status_code == 204
    assert (await requester_client.get(link)).json()["code"] == "file_link_invalid"
