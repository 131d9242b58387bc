"""A store that keeps everything in memory, and fails when it is told to."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from helpdesk_api.database import clock
from helpdesk_api.integrations.storage.protocol import ObjectNotFound, ObjectWriter, StorageUnavailable, StoredObject

_PIECE = 65_536


class _Buffer:
    def __init__(self, storage: "MemoryStorage") -> None:
        self._storage = storage
        self.content = bytearray()

    async def write(self, chunk: bytes) -> None:
        self._storage.check_failure()
        self.content += chunk


class MemoryStorage:
    """`failure`, while it is set, is raised by whatever is asked; `door` is where it gives objects out itself."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.failure: str | None = None
        self.dispositions: dict[str, str] = {}
        self.door: str | None = None

    def check_failure(self) -> None:
        if self.failure is not None:
            raise StorageUnavailable(self.failure)

    @asynccontextmanager
    async def write(self, key: str, *, disposition: str = "attachment") -> AsyncIterator[ObjectWriter]:
        self.check_failure()
        self.dispositions[key] = disposition
        buffer = _Buffer(self)
        yield buffer
        self.objects[key] = (bytes(buffer.content), clock.now())

    async def size(self, key: str) -> int:
        return len(self._content(key))

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        content = self._content(key)[start:end]
        for place in range(0, len(content), _PIECE):
            yield content[place : place + _PIECE]

    async def copy(self, source: str, target: str) -> None:
        self.objects[target] = (self._content(source), clock.now())

    async def direct_url(self, key: str, lifetime: timedelta) -> str | None:
        return f"{self.door}/{key}?seconds={lifetime.total_seconds():.0f}" if self.door is not None else None

    async def delete(self, keys: Sequence[str]) -> None:
        self.check_failure()
        for key in keys:
            self.objects.pop(key, None)

    async def list(self) -> AsyncIterator[list[StoredObject]]:
        self.check_failure()
        yield [StoredObject(key, len(content), at) for key, (content, at) in self.objects.items()]

    async def drop_unfinished(self, before: datetime) -> int:
        del before
        return 0

    def _content(self, key: str) -> bytes:
        self.check_failure()
        try:
            return self.objects[key][0]
        except KeyError as error:
            raise ObjectNotFound(key) from error
