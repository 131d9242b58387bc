"""Files through the served product: in constant memory, cut half-way, and killed between the store and the row.

`HELPDESK_E2E_FILE_MB=1024 pytest -s -k without_staying` sends a file of a gigabyte; the ordinary suite takes 64 MB.
"""

import asyncio
import hashlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from helpdesk_api.database import clock
from helpdesk_api.database.embedded import running_url
from helpdesk_api.database.session import Database
from helpdesk_api.domains.attachments import jobs, storing
from helpdesk_api.integrations.storage.objects import FolderStorage
from tests.domains.attachments.files import GIF, archive, bomb
from tests.end_to_end.conftest import MAX_ATTACHMENT_BYTES
from tests.end_to_end.served import Served, processes_below

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]
BOUNDARY, MEBI = "a-boundary-of-this-test", 1024 * 1024
SCRIPT = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{{name}}"\r\n'
    "Content-Type: text/html\r\n\r\n"
)
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
PATIENCE = 60.0


def signed_in(product: Served) -> dict[str, str]:
    account = {"email": "nora@tarnwick.example.com", "password": "fresh-bread-at-six"}
    token = httpx.post(f"{product.url}/v1/sessions", json=account, timeout=PATIENCE).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def await_true(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def api_process(product: Served) -> int:
    below = processes_below(product.process.pid)
    return next(found for found, name in below.items() if name == "helpdesk-api")


def answers(product: Served) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{product.url}/readyz", timeout=PATIENCE).is_success
    return False


def resident_bytes(process_id: int) -> int:
    return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def stored(product: Served) -> list[Path]:
    return [path for path in (product.data_dir / "files").rglob("*") if path.is_file()]


async def body(size: int, digest: Any, name: str = "large.bin") -> AsyncIterator[bytes]:
    yield HEAD.format(name=name).encode()
    block = hashlib.shake_256(b"large").digest(MEBI)
    for number in range(size // MEBI):
        piece = number.to_bytes(8, "big") + block[8:]
        digest.update(piece)
        yield piece
    yield TAIL


async def there_and_back(product: Served, size: int, process_id: int) -> int:
    """Uploads and downloads as much, and returns by how much the server's memory grew at most meanwhile."""
    before = most = resident_bytes(process_id)
    sent, came = hashlib.sha256(), hashlib.sha256()
    async with httpx.AsyncClient(base_url=product.url, headers=signed_in(product), timeout=600) as client:

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, resident_bytes(process_id))
                await asyncio.sleep(0.05)

        watching = asyncio.create_task(watch())
        reply = await client.post("/v1/attachments", content=body(size, sent), headers=MULTIPART)
        assert reply.status_code == 201, reply.text
        made = reply.json()
        assert (made["size_bytes"], made["sha256"]) == (size, sent.hexdigest())
        link = await client.get(f"/v1/attachments/{made['id']}/download")
        async with client.stream("GET", link.headers["location"]) as file:
            assert file.headers["content-length"] == str(size)
            async for piece in file.aiter_raw():
                came.update(piece)
        watching.cancel()
        assert came.hexdigest() == sent.hexdigest()
        assert (await client.delete(f"/v1/attachments/{made['id']}")).status_code == 204
    return most - before


@pytest.mark.timeout(1_800)
async def test_a_large_file_passes_through_without_staying(product: Served) -> None:
    process_id = api_process(product)
    # The first passage loads what every later one uses.
    await there_and_back(product, 16 * MEBI, process_id)
    began = time.monotonic()
    growth = await there_and_back(product, MAX_ATTACHMENT_BYTES, process_id)
    print(
        f"{MAX_ATTACHMENT_BYTES // MEBI} MB there and back in {time.monotonic() - began:.0f} s: {growth / MEBI:.1f} MB"
    )
    assert growth < 20 * MEBI
    await asyncio.to_thread(await_true, lambda: not stored(product), "the worker did not delete the objects")


def test_an_upload_that_is_cut_half_way_leaves_nothing(product: Served) -> None:
    token = signed_in(product)["Authorization"]
    host, _, port = product.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as raw:
        start = (
            f"POST /v1/attachments HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n"
            f"Content-Type: {MULTIPART['Content-Type']}\r\nContent-Length: {40 * MEBI}\r\n\r\n"
        )
        raw.sendall(start.encode() + HEAD.format(name="a.bin").encode())
        for _ in range(20):
            raw.sendall(os.urandom(MEBI))
        await_true(lambda: stored(product), "nothing was on its way")
    await_true(lambda: not stored(product), "half of a file was left")
    with httpx.Client(base_url=product.url, headers=signed_in(product)) as client:
        ended = client.post("/v1/attachments", content=HEAD.format(name="a.bin").encode() + b"x", headers=MULTIPART)
        assert (ended.status_code, ended.json()["code"]) == (400, "upload_incomplete")
    assert stored(product) == []
    assert b"Traceback" not in product.log.read_bytes()


def test_what_is_refused_leaves_nothing(product: Served) -> None:
    def part(content: bytes, name: str = "a.bin") -> bytes:
        return HEAD.format(name=name).encode() + content + TAIL

    two = part(b"one")[: -len(TAIL)] + b"\r\n" + part(b"two")
    field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n\r\nx'.encode() + TAIL
    cases: list[tuple[bytes, dict[str, str], int, str]] = [
        (part(b"<html>"), MULTIPART, 422, "file_type_refused"),
        (part(SCRIPT, "logo.png"), MULTIPART, 422, "file_type_refused"),
        (part(GIF + archive({"a.txt": b"x"}), "a.gif"), MULTIPART, 422, "file_polyglot"),
        (part(bomb(), "logs.zip"), MULTIPART, 422, "archive_bomb"),
        (part(b""), MULTIPART, 422, "file_empty"),
        (two, MULTIPART, 422, "one_file_expected"),
        (field, MULTIPART, 422, "one_file_expected"),
        (b"no parts at all", MULTIPART, 400, "invalid_multipart"),
        (b"", MULTIPART, 400, "upload_incomplete"),
        (part(b"x"), {"Content-Type": "multipart/form-data"}, 400, "invalid_multipart"),
        (b"{}", {"Content-Type": "application/json"}, 415, "unsupported_media_type"),
        (part(b"x" * (MAX_ATTACHMENT_BYTES + 1)), MULTIPART, 413, "payload_too_large"),
        (part(b"x" * (MAX_ATTACHMENT_BYTES + MEBI)), MULTIPART, 413, "payload_too_large"),
    ]
    with httpx.Client(base_url=product.url, headers=signed_in(product), timeout=120) as client:
        for content, headers, status, code in cases:
            reply = client.post("/v1/attachments", content=content, headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (status, code), (code, reply.text)
    assert stored(product) == []


async def test_a_kill_between_the_object_and_its_row_leaves_what_the_sweep_finds(product: Served) -> None:
    url = running_url(product.data_dir / "postgres")
    assert url is not None
    holder = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1))
    headers = signed_in(product)
    try:
        async with holder.transaction():
            # Whoever inserts a row waits; the object is whole by then.
            await holder.execute("LOCK TABLE attachments IN SHARE ROW EXCLUSIVE MODE")
            content = HEAD.format(name="a.txt").encode() + b"hello" + TAIL
            sending = asyncio.create_task(_send(product, content, headers))
            await asyncio.to_thread(await_true, lambda: stored(product), "no object came")
            os.kill(api_process(product), signal.SIGKILL)
            assert await sending is None
        # Others use it after this.
        await asyncio.to_thread(await_true, lambda: answers(product), "it was not started again")
        assert await holder.fetchval("SELECT count(*) FROM attachments") == 0
    finally:
        await holder.close()
    assert len(stored(product)) == 1
    database = Database(url)
    storing.use_storage(FolderStorage(product.data_dir / "files"), None)
    try:
        for hours, left in ((23, 1), (25, 0)):
            with clock.frozen(clock.now() + timedelta(hours=hours)):
                async with database.session() as session:
                    await jobs.sweep(session, {})
            assert len(stored(product)) == left
    finally:
        await database.dispose()


async def _send(product: Served, content: bytes, headers: dict[str, str]) -> int | None:
    """The status, or None when the connection ended without an answer."""
    async with httpx.AsyncClient(base_url=product.url, timeout=60) as client:
        try:
            return (await client.post("/v1/attachments", content=content, headers={**headers, **MULTIPART})).status_code
        except httpx.TransportError:
            return None
