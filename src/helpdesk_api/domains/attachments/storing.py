"""The store of this process, its scanner if it has one, and the keys of objects."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from uuid import UUID

from helpdesk_api.domains.attachments.errors import StorageDown
from helpdesk_api.integrations.antivirus.protocol import Scanner
from helpdesk_api.integrations.storage.protocol import Storage, StorageUnavailable

_storage: Storage | None = None
_scanner: Scanner | None = None
_THUMBNAIL = ".small"


def use_storage(store: Storage, scanner: Scanner | None) -> None:
    """Called once by the process; without a scanner nothing is kept apart."""
    global _storage, _scanner
    _storage, _scanner = store, scanner


def storage() -> Storage:
    if _storage is None:
        message = "no store was installed"
        raise RuntimeError(message)
    return _storage


def scanner() -> Scanner | None:
    return _scanner


def object_key(attachment_id: UUID, *, thumbnail: bool = False) -> str:
    """Spread by the last digits, which are random: the first ones are the time."""
    return f"{attachment_id.hex[-2:]}/{attachment_id.hex}{_THUMBNAIL if thumbnail else ''}"


def keys_of(attachment_id: UUID) -> list[str]:
    return [object_key(attachment_id), object_key(attachment_id, thumbnail=True)]


def owner_of(key: str) -> UUID | None:
    """Whose object this is; none for what is not of our making."""
    try:
        owner = UUID(hex=key.rpartition("/")[2].removesuffix(_THUMBNAIL))
    except ValueError:
        return None
    return owner if key in keys_of(owner) else None


async def content_of(attachment_id: UUID) -> AsyncIterator[bytes]:
    """The whole file in pieces. Raises ObjectNotFound and StorageUnavailable."""
    key = object_key(attachment_id)
    size = await storage().size(key)
    async for chunk in storage().read(key, 0, size):
        yield chunk


@contextmanager
def answering() -> Iterator[None]:
    """For a request: raises `storage_unavailable` when the store does not answer."""
    try:
        yield
    except StorageUnavailable as error:
        raise StorageDown from error
