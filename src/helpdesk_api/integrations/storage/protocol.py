"""What the product asks of a store of objects: streams in, streams out, nothing of any size in memory."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


class ObjectNotFound(Exception):
    """There is no object under this key."""


class StorageUnavailable(Exception):
    """The store does not answer, or refuses; the message says why."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One entry of a listing; the instant is aware."""

    key: str
    size_bytes: int
    modified_at: datetime


class ObjectWriter(Protocol):
    async def write(self, chunk: bytes) -> None:
        """Raises StorageUnavailable."""


class Storage(Protocol):
    """Keys are relative paths of lower-case letters, digits, dots and slashes."""

    def write(self, key: str, *, disposition: str = "attachment") -> AbstractAsyncContextManager[ObjectWriter]:
        """The object is there, whole and lasting, when the block has ended; a block that raises leaves nothing. Where
        the store gives objects out itself, it says this `Content-Disposition`, and that they are mere bytes."""
        ...

    async def size(self, key: str) -> int:
        """In bytes. Raises ObjectNotFound."""
        ...

    def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes from `start` up to and without `end`, in pieces. Raises ObjectNotFound."""
        ...

    async def copy(self, source: str, target: str) -> None:
        """By the store itself; the copy lasts when the other is deleted. Raises ObjectNotFound."""

    async def direct_url(self, key: str, lifetime: timedelta) -> str | None:
        """Where anybody can have the object from the store itself for this long; None where the store has no door of
        its own."""

    async def delete(self, keys: Sequence[str]) -> None:
        """What is not there is no mistake: a deletion may be repeated."""

    def list(self) -> AsyncIterator[list[StoredObject]]:
        """Every object, some at a time."""
        ...

    async def drop_unfinished(self, before: datetime) -> int:
        """What writers that were killed before this instant have left and a listing does not show. Returns how many."""
        ...
