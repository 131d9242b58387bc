"""Files for tests, made here: nothing is read from the disk."""

import gzip
import io
import tarfile
import zipfile
from typing import Any

import httpx
from PIL import Image

PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


def picture(kind: str = "PNG", size: tuple[int, int] = (800, 400)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(made, kind)
    return made.getvalue()


def enormous_picture() -> bytes:
    """Of a size that is refused, in black and white: in colours its making alone would take seconds."""
    made = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(made, "PNG")
    return made.getvalue()


def archive(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as target:
        for name, content in entries.items():
            target.writestr(name, content)
    return made.getvalue()


def bomb() -> bytes:
    return archive({f"{number}.bin": b"\x00" * 10_000_000 for number in range(6)})


def nested_bomb() -> bytes:
    """Archives in one, which only a name tells of: the outer packs what was packed, in a way that few can read."""
    inner = archive({"a.bin": b"\x00" * 1_000_000}, zipfile.ZIP_STORED)
    return archive({f"{number}.zip": inner for number in range(3)}, zipfile.ZIP_LZMA)


def nested_many(name: str = "{}.zip", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Each small archive in it looks honest; together they unpack to 200 MB."""
    inner = archive({"a.bin": b"\x00" * 5_000_000})
    return archive({name.format(number): inner for number in range(40)}, method)


def tape(entries: dict[str, bytes]) -> bytes:
    """A tar file."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as target:
        for name, content in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            target.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def packed_zeros() -> bytes:
    return gzip.compress(b"\x00" * 50_000_000)


async def upload(client: httpx.AsyncClient, content: bytes, name: str = "notes.txt", **headers: str) -> httpx.Response:
    return await client.post("/v1/attachments", files={"file": (name, content)}, headers=headers)


async def uploaded(client: httpx.AsyncClient, content: bytes = b"hello", name: str = "notes.txt") -> dict[str, Any]:
    reply = await upload(client, content, name)
    assert reply.status_code in {201, 202}, reply.text
    made: dict[str, Any] = reply.json()
    return made
