"""Taking an upload in: from the connection into the store, piece by piece."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from fastapi import Request
from starlette.requests import ClientDisconnect

from helpdesk_api.database.ids import new_id
from helpdesk_api.domains.attachments.errors import FileEmpty, UploadIncomplete
from helpdesk_api.domains.attachments.inspection import Inspected, Inspection
from helpdesk_api.domains.attachments.multipart import FilePart
from helpdesk_api.domains.attachments.rules import content_disposition, safe_name
from helpdesk_api.domains.attachments.storing import answering, keys_of, object_key, storage
from helpdesk_api.integrations.storage.protocol import StorageUnavailable

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Received:
    """An object that lies in the store and has no row yet."""

    id: UUID
    name: str
    found: Inspected

    @property
    def fingerprint(self) -> bytes:
        """What makes two uploads the same request; the boundary between parts is no part of it."""
        return hashlib.sha256(f"{self.name}\n{self.found.sha256}".encode()).digest()


async def receive(request: Request, *, max_bytes: int) -> Received:
    """Nothing is left in the store when it raises: what a file, a body and the store can be wrong with."""
    part = FilePart(request.headers.get("content-type", ""))
    attachment_id = new_id()
    pieces = _pieces(request, part)
    # The store wants to know the file's name before its first byte.
    first = await anext(pieces, None)
    if first is None:
        part.finish()
        raise FileEmpty
    inspection = Inspection(safe_name(part.name or ""), max_bytes=max_bytes)
    disposition = content_disposition(inspection.name)
    with answering():
        async with storage().write(object_key(attachment_id), disposition=disposition) as writer:
            inspection.feed(first)
            await writer.write(first)
            async for piece in pieces:
                await _run(inspection.feed, piece, apart=inspection.is_costly)
                await writer.write(piece)
            part.finish()
            found = await _run(inspection.finish, apart=inspection.is_costly)
        await _look_inside(attachment_id, inspection, found.size_bytes)
    return Received(attachment_id, inspection.name, found)


async def _run(work: Callable[..., _Found], *given: object, apart: bool) -> _Found:
    return await asyncio.to_thread(work, *given) if apart else work(*given)


async def _look_inside(attachment_id: UUID, inspection: Inspection, size: int) -> None:
    """Where the parts of an archive lie is known at its end alone, so it is read again."""
    walk = inspection.walk()
    if walk is None:
        return
    key = object_key(attachment_id)
    try:
        async for piece in storage().read(key, 0, size):
            await asyncio.to_thread(walk.feed, piece)
        await asyncio.to_thread(walk.finish)
    except BaseException:
        with suppress(StorageUnavailable):
            await storage().delete([key])
        raise


async def _pieces(request: Request, part: FilePart) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            for piece in part.feed(chunk):
                yield piece
    except ClientDisconnect as error:
        raise UploadIncomplete from error


async def forget(received: Received) -> None:
    """For an object that gets no row after all; if the store does not answer, the sweep finds it."""
    with suppress(StorageUnavailable):
        await storage().delete(keys_of(received.id))
