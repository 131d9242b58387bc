"""Objects by obstore: a folder of this machine, or a bucket of S3 and what speaks like it."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

from helpdesk_api.integrations.storage.protocol import ObjectNotFound, ObjectWriter, StorageUnavailable, StoredObject

if TYPE_CHECKING:
    from obstore import AsyncWritableFile, Attributes

# S3 takes no part below 5 MiB but the last. One part waits while the next one fills, and no more.
PART_BYTES = 5 * 1024 * 1024
_PARTS_AT_ONCE = 1
_PIECE = 256 * 1024
_LISTED_AT_ONCE = 500
_UNFINISHED = re.compile(r".+#\d+")


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectNotFound(key) from error
    except (BaseError, OSError) as error:
        raise StorageUnavailable(str(error)[:500]) from error


def _not_taken(error: Exception) -> StorageUnavailable:
    """Also when the store says that something is not there: it can only be the bucket."""
    return StorageUnavailable(str(error)[:500])


class _Writer:
    def __init__(self, file: "AsyncWritableFile") -> None:
        self._file = file

    async def write(self, chunk: bytes) -> None:
        try:
            await self._file.write(chunk)
        except (BaseError, OSError) as error:
            raise _not_taken(error) from error


class ObjectStorage:
    """What both kinds share."""

    def __init__(self, open_store: Callable[[], ObjectStore]) -> None:
        self._open = open_store
        self._opened: ObjectStore | None = None

    @property
    def _store(self) -> ObjectStore:
        # At the first use: a process that never touches a file makes no folder and asks for no credentials.
        if self._opened is None:
            with _translated(""):
                self._opened = self._open()
        return self._opened

    @asynccontextmanager
    async def write(self, key: str, *, disposition: str = "attachment") -> AsyncIterator[ObjectWriter]:
        writer = obstore.open_writer_async(
            self._store,
            key,
            attributes=self._attributes(disposition),
            buffer_size=PART_BYTES,
            max_concurrency=_PARTS_AT_ONCE,
        )
        is_whole = False
        try:
            # Left by an exception, the writer aborts what it has sent.
            async with writer as file:
                yield _Writer(file)
                is_whole = True
                await file.flush()
        except (BaseError, OSError) as error:
            if not is_whole:
                raise
            # What is small, or the last part, is sent when the writer is closed.
            raise _not_taken(error) from error
        await self._settle(key)

    async def size(self, key: str) -> int:
        with _translated(key):
            meta = await obstore.head_async(self._store, key)
        return int(meta["size"])

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        if start >= end:
            return
        with _translated(key):
            found = await obstore.get_async(self._store, key, options={"range": (start, end)})
            async for chunk in found.stream(min_chunk_size=_PIECE):
                yield bytes(chunk)

    async def copy(self, source: str, target: str) -> None:
        with _translated(source):
            await obstore.copy_async(self._store, source, target)
        await self._settle(target)

    async def direct_url(self, key: str, lifetime: timedelta) -> str | None:
        del key, lifetime
        return None

    def _attributes(self, disposition: str) -> "Attributes | None":
        del disposition
        return None

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            try:
                with _translated(key):
                    await obstore.delete_async(self._store, key)
            except ObjectNotFound:
                continue

    async def list(self) -> AsyncIterator[list[StoredObject]]:
        with _translated(""):
            async for found in obstore.list(self._store, chunk_size=_LISTED_AT_ONCE):
                yield [StoredObject(one["path"], one["size"], one["last_modified"]) for one in found]

    async def drop_unfinished(self, before: datetime) -> int:
        """A bucket's own life-cycle rule removes unfinished multipart uploads; they are not ours to list."""
        del before
        return 0

    async def _settle(self, key: str) -> None:
        del key


class FolderStorage(ObjectStorage):
    """Below one folder, which is made closed to others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__(self._make)

    def _make(self) -> ObjectStore:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        return LocalStore(self._folder, mkdir=True)

    async def _settle(self, key: str) -> None:
        """A row that commits must not outlive its file when the power goes."""
        with _translated(key):
            await asyncio.to_thread(_sync, self._folder / key)

    async def drop_unfinished(self, before: datetime) -> int:
        with _translated(""):
            return await asyncio.to_thread(self._drop, before.timestamp())

    def _drop(self, before: float) -> int:
        dropped = 0
        for path in self._folder.rglob("*#*"):
            if _UNFINISHED.fullmatch(path.name) and path.is_file() and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
                dropped += 1
        return dropped


def _sync(path: Path) -> None:
    for place in (path, path.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class BucketStorage(ObjectStorage):
    """In a bucket, whose own door is opened for single objects by signed addresses."""

    def __init__(self, open_store: Callable[[], ObjectStore], *, is_reachable: bool) -> None:
        super().__init__(open_store)
        self._is_reachable = is_reachable

    def _attributes(self, disposition: str) -> "Attributes":
        return {"Content-Disposition": disposition, "Content-Type": "application/octet-stream"}

    async def direct_url(self, key: str, lifetime: timedelta) -> str | None:
        """None for a store on one's own network, and where the credentials cannot sign."""
        store = self._store
        if not self._is_reachable or not isinstance(store, AzureStore | GCSStore | S3Store):
            return None
        try:
            return str(await obstore.sign_async(store, "GET", key, lifetime))
        except BaseError:
            return None


class InvalidStorageUrl(ValueError):
    """`s3://bucket[/prefix]`, `az://container[/prefix]` or `gs://bucket[/prefix]`; credentials come from the
    environment as their own tools read them (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, …)."""


def bucket_storage(url: str) -> ObjectStorage:
    """Raises InvalidStorageUrl."""
    if not re.fullmatch(r"(s3|az|gs)://[^/?#]+(/[^?#]*)?", url):
        raise InvalidStorageUrl(InvalidStorageUrl.__doc__)
    # A plain-text endpoint is for a store on one's own network; obstore wants to be told.
    is_plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    return BucketStorage(
        lambda: from_url(url, client_options={"allow_http": is_plain, "timeout": "60s"}), is_reachable=not is_plain
    )
