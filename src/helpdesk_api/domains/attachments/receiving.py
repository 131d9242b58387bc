"""Taking an upload in: from the connection into the store, piece by piece."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from fastapi import Request
from starlette.requests import ClientDisconnect

from helpdesk_api.database.ids import new_id
from helpdesk_api.domains.attachments.errors import FileEmpty, UploadIncomplete
from helpdesk_api.domains.attachments.inspection import Inspected, Inspection
from helpdesk_api.domains.attachments.multipart import FilePart
from helpdesk_api.domains.attachments.rules import safe_name
from helpdesk_api.domains.attachments.storing import answering, keys_of, object_key, storage
from helpdesk_api.integrations.storage.protocol import StorageUnavailable


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
    inspection: Inspection | None = None
    with answering():
        async with storage().write(object_key(attachment_id)) as writer:
            async for chunk in _chunks(request):
                for piece in part.feed(chunk):
                    inspection = inspection or Inspection(safe_name(part.name or ""), max_bytes=max_bytes)
                    inspection.feed(piece)
                    await writer.write(piece)
            part.finish()
            if inspection is None:
                raise FileEmpty
            found = inspection.finish()
    return Received(attachment_id, inspection.name, found)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise UploadIncomplete from error


async def forget(received: Received) -> None:
    """For an object that gets no row after all; if the store does not answer, the sweep finds it."""
    with suppress(StorageUnavailable):
        await storage().delete(keys_of(received.id))
