"""What happens to files behind the scenes: scanned, made small, dropped, swept."""

import asyncio
import re
import struct
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image
from sqlalchemy import func, insert, select

from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, parse_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.attachments import jobs, storing
from helpdesk_api.domains.attachments.models import Attachment
from helpdesk_api.domains.attachments.storing import keys_of, object_key
from helpdesk_api.domains.attachments.thumbnails import NoThumbnail, shrink
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.integrations.antivirus.clamd import ClamdScanner, InvalidClamdAddress
from helpdesk_api.integrations.antivirus.fake import FakeScanner
from helpdesk_api.integrations.antivirus.protocol import NotScanned
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.integrations.storage.memory import MemoryStorage
from helpdesk_api.integrations.storage.objects import FolderStorage, InvalidStorageUrl, bucket_storage
from helpdesk_api.integrations.storage.protocol import ObjectNotFound, StorageUnavailable
from helpdesk_api.worker import drain
from tests.domains.attachments.files import enormous_picture, picture, upload, uploaded

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


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def state_of(client: httpx.AsyncClient, made: dict[str, Any]) -> str:
    state: str = (await client.get(f"/v1/attachments/{made['id']}")).json()["state"]
    return state


async def test_a_file_stays_apart_until_it_is_clean(
    requester_client: httpx.AsyncClient, ticket: dict[str, Any], database: Database, store: MemoryStorage
) -> None:
    scanner = FakeScanner(refusals=2)
    storing.use_storage(store, scanner)
    reply = await upload(requester_client, b"harmless")
    made = reply.json()
    assert (reply.status_code, made["state"]) == (202, "scanning")
    path = f"/v1/tickets/{ticket['id']}/comments"
    said = await requester_client.post(path, json={"body": "Here", "attachment_ids": [made["id"]]})
    assert said.json()["attachments"][0]["state"] == "scanning"
    comment = f"{path}/{said.json()['id']}"
    etag = (await requester_client.get(comment)).headers["etag"]
    now = clock.now()
    for minutes in (0, 1):
        with clock.frozen(now + timedelta(minutes=minutes)):
            await drain(database)
            held = await requester_client.get(f"/v1/attachments/{made['id']}/download")
            assert (held.status_code, held.json()["code"]) == (409, "attachment_quarantined")
    actions = (await requester_client.get(f"/v1/attachments/{made['id']}")).json()["allowed_actions"]
    refused = {"action": "download", "allowed": False, "reason_code": "attachment_quarantined", "required_fields": []}
    assert refused in actions
    with clock.frozen(now + timedelta(minutes=2)):
        await drain(database)
    assert scanner.scanned == 1
    assert await state_of(requester_client, made) == "available"
    assert (await requester_client.get(f"/v1/attachments/{made['id']}/download")).status_code == 302
    changed = await requester_client.get(comment, headers={"If-None-Match": etag})
    assert changed.json()["attachments"][0]["state"] == "available"
    history = (await requester_client.get(f"/v1/tickets/{ticket['id']}/history")).json()["data"]
    assert "attachment.released" in [one["type"] for one in history]


async def test_a_description_shows_nothing_that_the_scanner_found(
    requester_client: httpx.AsyncClient, database: Database, store: MemoryStorage
) -> None:
    storing.use_storage(store, FakeScanner())
    made = await uploaded(requester_client, b"an EVIL file")
    body = {"subject": "See", "description": f"![Here](attachment:{made['id']})", "attachment_ids": [made["id"]]}
    told = await requester_client.post("/v1/tickets", json=body)
    assert made["id"] in told.json()["description_html"]
    await drain(database)
    left = await requester_client.get(told.json()["url"])
    assert (made["id"] in left.json()["description_html"], left.headers["etag"] == told.headers["etag"]) == (
        False,
        False,
    )


async def test_what_the_scanner_finds_is_gone(
    requester_client: httpx.AsyncClient,
    admin_client: httpx.AsyncClient,
    ticket: dict[str, Any],
    database: Database,
    store: MemoryStorage,
) -> None:
    storing.use_storage(store, FakeScanner())
    made, loose = await uploaded(requester_client, b"an EVIL file"), await uploaded(requester_client, b"EVIL too")
    path = f"/v1/tickets/{ticket['id']}/comments"
    text = f"![Here](attachment:{made['id']})"
    said = (await requester_client.post(path, json={"body": text, "attachment_ids": [made["id"]]})).json()
    assert made["id"] in said["body_html"]
    await drain(database)
    assert store.objects == {}
    shown = (await requester_client.get(f"{path}/{said['id']}")).json()
    assert (shown["attachments"][0]["state"], made["id"] in shown["body_html"]) == ("refused", False)
    refused = await requester_client.get(f"/v1/attachments/{made['id']}/download")
    assert (refused.status_code, refused.json()["code"]) == (409, "attachment_refused")
    taken = await requester_client.post(path, json={"body": "Here", "attachment_ids": [loose["id"]]})
    assert taken.json()["code"] == "attachment_not_usable"
    for client, sees in ((requester_client, False), (admin_client, True)):
        history = (await client.get(f"/v1/tickets/{ticket['id']}/history")).json()["data"]
        (event,) = [one for one in history if one["type"] == "attachment.refused"]
        assert ({"name": "signature", "value": "Fake.Marker"} in (event["internal_details"] or [])) is sees


class Clamd:
    """Speaks INSTREAM as clamd does: finds EICAR, hangs up on what is too large, and can be told to hang up at once."""

    def __init__(self) -> None:
        self.limit = 1_000_000
        self.is_broken = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            command = await reader.readuntil(b"\0")
            if command == b"zVERSION\0":
                writer.write(b"ClamAV 1.4.6\0")
            elif not self.is_broken:
                await self._scan(reader, writer)
        finally:
            writer.close()

    async def _scan(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        content = b""
        while (size := struct.unpack("!L", await reader.readexactly(4))[0]) > 0:
            content += await reader.readexactly(size)
            if len(content) > self.limit:
                writer.write(b"INSTREAM size limit exceeded. ERROR\0")
                return
        writer.write(b"stream: Eicar-Test FOUND\0" if b"EICAR" in content else b"stream: OK\0")


async def test_clamd_is_asked_as_it_wants_to_be() -> None:
    clamd = Clamd()
    server = await asyncio.start_server(clamd.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    scanner = ClamdScanner(f"127.0.0.1:{port}", timeout=10)
    async with server:
        assert await scanner.ping() == "ClamAV 1.4.6"
        assert (await scanner.scan(pieces(b"clean", b"x" * 600_000))).is_clean
        assert (await scanner.scan(pieces(b"--EICAR", b"--"))).signature == "Eicar-Test"
        assert (await scanner.scan(pieces())).is_clean
        with pytest.raises(NotScanned):
            await scanner.scan(pieces(*[b"x" * 200_000] * 60))
        clamd.is_broken = True
        with pytest.raises(NotScanned):
            await scanner.scan(pieces(b"clean"))
    with pytest.raises(NotScanned):
        await scanner.scan(pieces(b"clean"))
    for wrong in ("", ":3310", "host:port"):
        with pytest.raises(InvalidClamdAddress):
            ClamdScanner(wrong)


async def test_a_picture_gets_a_small_one(requester_client: httpx.AsyncClient, database: Database) -> None:
    made, text = await uploaded(requester_client, picture("JPEG"), "a.jpg"), await uploaded(requester_client)
    path = f"/v1/attachments/{made['id']}/thumbnail"
    early = await requester_client.get(path)
    assert (early.status_code, early.json()["code"]) == (404, "thumbnail_not_available")
    await drain(database)
    assert (await requester_client.get(f"/v1/attachments/{made['id']}")).json()["has_thumbnail"] is True
    link = await requester_client.get(path)
    small = await requester_client.get(link.headers["location"])
    assert (small.status_code, small.headers["content-type"]) == (200, "image/png")
    assert (await requester_client.get(f"/v1/attachments/{text['id']}/thumbnail")).status_code == 404


async def test_a_small_picture_is_small_and_tells_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    exif[0x0112] = 6
    Image.new("RGB", (1_000, 500), (0, 0, 255)).save(source, "JPEG", exif=exif)
    small = tmp_path / "small.png"
    small.write_bytes(await shrink(pieces(source.read_bytes())))
    with Image.open(small) as made:
        assert made.size == (160, 320)
        assert not made.getexif()
    assert b"taken at home" not in small.read_bytes()


async def test_a_picture_that_would_fill_the_memory_has_none() -> None:
    for content in (enormous_picture(), picture()[:200], b"GIF89a", b"%PDF-1.7"):
        with pytest.raises(NoThumbnail):
            await shrink(pieces(content))


async def test_what_nothing_refers_to_goes_after_a_day(
    requester_client: httpx.AsyncClient, ticket: dict[str, Any], database: Database, store: MemoryStorage
) -> None:
    kept, left = await uploaded(requester_client, b"kept"), await uploaded(requester_client, b"left")
    path = f"/v1/tickets/{ticket['id']}/comments"
    await requester_client.post(path, json={"body": "Here", "attachment_ids": [kept["id"]]})
    for hours, there in ((23, True), (25, False)):
        with clock.frozen(clock.now() + timedelta(hours=hours)):
            async with database.session() as session:
                await jobs.drop_unreferenced(session, {})
            await drain(database)
        found = await requester_client.get(f"/v1/attachments/{left['id']}")
        assert (found.status_code == 200) is there
        assert len(store.objects) == (2 if there else 1)
    assert (await requester_client.get(f"/v1/attachments/{kept['id']}")).status_code == 200


async def test_however_many_nothing_refers_to_go(
    requester_client: httpx.AsyncClient, database: Database, store: MemoryStorage
) -> None:
    made = await uploaded(requester_client)
    as_this = select(Attachment.__table__).where(Attachment.id == parse_id("att", made["id"]))
    async with database.session() as session:
        row = dict((await session.execute(as_this)).mappings().one())
        del row["search"]
        await session.execute(insert(Attachment), [{**row, "id": new_id()} for _ in range(1_000)])
    with clock.frozen(clock.now() + timedelta(hours=25)):
        async with database.session() as session:
            await jobs.drop_unreferenced(session, {})
        await drain(database)
    async with database.session() as session:
        assert await session.scalar(select(func.count()).select_from(Attachment)) == 0
    assert store.objects == {}


async def test_objects_without_a_row_are_swept(
    requester_client: httpx.AsyncClient, database: Database, store: MemoryStorage
) -> None:
    await uploaded(requester_client)
    (kept,) = store.objects
    old, foreign = object_key(new_id()), "somebody/elses.txt"
    for key in (old, foreign):
        async with store.write(key) as writer:
            await writer.write(b"x")
    with clock.frozen(clock.now() + timedelta(hours=25)):
        fresh = object_key(new_id())
        async with store.write(fresh) as writer:
            await writer.write(b"x")
        async with database.session() as session:
            await jobs.sweep(session, {})
    assert set(store.objects) == {kept, foreign, fresh}


async def fail_halfway(store: FolderStorage, content: bytes) -> None:
    async with store.write(object_key(new_id())) as writer:
        await writer.write(content)
        raise ZeroDivisionError


async def test_a_copy_outlives_its_original(tmp_path: Path) -> None:
    for store in (FolderStorage(tmp_path / "files"), MemoryStorage()):
        one, other = keys_of(new_id())[0], f"zz/{new_id().hex}"
        async with store.write(one) as writer:
            await writer.write(b"as it was")
        await store.copy(one, other)
        await store.delete([one])
        assert b"".join([chunk async for chunk in store.read(other, 0, 9)]) == b"as it was"
        with pytest.raises(ObjectNotFound):
            await store.copy(one, other)


async def test_a_folder_keeps_whole_files_only(tmp_path: Path) -> None:
    store = FolderStorage(tmp_path / "files")
    key = keys_of(new_id())[0]
    content = b"0123456789" * 2_000_000
    async with store.write(key) as writer:
        for place in range(0, len(content), 1_000_000):
            await writer.write(content[place : place + 1_000_000])
    assert await store.size(key) == len(content)
    assert b"".join([chunk async for chunk in store.read(key, 5, 15_000_000)]) == content[5:15_000_000]
    assert b"".join([chunk async for chunk in store.read(key, 5, 5)]) == b""
    with pytest.raises(ZeroDivisionError):
        await fail_halfway(store, content)
    listed = [one async for some in store.list() for one in some]
    assert [(one.key, one.size_bytes) for one in listed] == [(key, len(content))]
    assert [path.name for path in (tmp_path / "files").rglob("*") if path.is_file()] == [key.rpartition("/")[2]]
    # As a writer leaves it that is killed half-way.
    (tmp_path / "files" / f"{key}#1").write_bytes(b"half")
    assert await store.drop_unfinished(clock.now() - timedelta(hours=1)) == 0
    assert await store.drop_unfinished(clock.now() + timedelta(hours=1)) == 1
    await store.delete([key, key])
    with pytest.raises(ObjectNotFound):
        await store.size(key)
    with pytest.raises(ObjectNotFound):
        [chunk async for chunk in store.read(key, 0, 10)]


async def test_a_bucket_signs_its_own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    key = keys_of(new_id())[0]
    url = await bucket_storage("s3://bucket/desk").direct_url(key, timedelta(seconds=60))
    assert url is not None
    asked = httpx.URL(url)
    assert (asked.scheme, asked.path.endswith(f"/desk/{key}")) == ("https", True)
    assert (asked.params["X-Amz-Expires"], len(asked.params["X-Amz-Signature"])) == ("60", 64)
    # One's own network is not the callers'.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    assert await bucket_storage("s3://bucket/desk").direct_url(key, timedelta(seconds=60)) is None


@pytest.mark.parametrize("size", [0, 1, 6_000_000], ids=["nothing", "little", "in parts"])
async def test_what_a_bucket_does_not_take_is_told(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Whenever it says so: a small object is sent as a whole when its writer is closed."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    store = bucket_storage("s3://gone")

    async def put() -> None:
        async with store.write(keys_of(new_id())[0]) as writer:
            await writer.write(b"x" * size)

    async with server:
        with pytest.raises(StorageUnavailable):
            await put()


@pytest.mark.parametrize("url", ["", "bucket", "file:///etc", "http://x/y", "s3://", "s3://b?x=1"])
def test_only_buckets_are_taken_for_an_address(url: str) -> None:
    with pytest.raises(InvalidStorageUrl):
        bucket_storage(url)
