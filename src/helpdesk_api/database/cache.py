"""Process caches that a NOTIFY invalidates: configuration and grants cost no statement while they are warm.

A cache is bypassed while the process does not LISTEN (it could miss an invalidation), and a fill that raced an
invalidation is used once and not kept.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.reads import ReadSession

if TYPE_CHECKING:
    from helpdesk_api.database.session import Database

V = TypeVar("V")
CHANNEL = "helpdesk_invalidate"
EVERYTHING = "*"
_INFO = "invalidations"
_caches: dict[str, "InvalidatedCache[Any]"] = {}
_listening = False


class InvalidatedCache(Generic[V]):
    """Values by text key, loaded by one function, forgotten on `invalidate` in any process."""

    def __init__(
        self,
        name: str,
        load: Callable[[ReadSession, str], Awaitable[V]],
        *,
        limit: int = 20_000,
    ) -> None:
        self._load = load
        self._limit = limit
        self._values: dict[str, V] = {}
        self._generation = 0
        _caches[name] = self

    @property
    def generation(self) -> int:
        """Grows whenever something is forgotten: as long as it stays, what was read stays true."""
        return self._generation

    def peek(self, key: str) -> V | None:
        """The kept value without loading; None when cold or while invalidations cannot be heard."""
        return self._values.get(key) if _listening else None

    async def get(self, database: "Database", key: str = "") -> V:
        found = self.peek(key)
        if found is not None:
            return found
        async with database.reads() as reads:
            return await self.get_by(reads, key)

    async def get_by(self, reads: ReadSession, key: str = "") -> V:
        """As `get`, for whoever reads already; in a transaction, one that changed nothing of it."""
        found = self.peek(key)
        if found is not None:
            return found
        generation = self._generation
        value = await self._load(reads, key)
        if _listening and generation == self._generation:
            if len(self._values) >= self._limit:
                self._values.clear()
            self._values[key] = value
        return value

    async def fill(
        self,
        database: "Database",
        keys: Iterable[str],
        load: Callable[[ReadSession, list[str]], Awaitable[Mapping[str, V]]],
    ) -> None:
        """Loads all of these keys that are not kept, at once; for whoever is about to ask for many."""
        missing = [key for key in keys if self.peek(key) is None]
        if not missing:
            return
        generation = self._generation
        async with database.reads() as reads:
            values = await load(reads, missing)
        if _listening and generation == self._generation:
            self._values.update(values)

    async def get_within(self, session: AsyncSession, key: str = "") -> V:
        """As `get`, for code that holds a transaction: loads on its connection, and keeps nothing that it changed."""
        found = self.peek(key)
        if found is not None and _INFO not in session.info:
            return found
        generation = self._generation
        connection = await (await session.connection()).get_raw_connection()
        value = await self._load(ReadSession(connection.driver_connection), key)
        if _listening and generation == self._generation and _INFO not in session.info:
            self._values[key] = value
        return value

    def forget(self, key: str) -> None:
        self._generation += 1
        if key == EVERYTHING:
            self._values.clear()
        else:
            self._values.pop(key, None)


async def invalidate(session: AsyncSession, name: str, key: str = EVERYTHING) -> None:
    """Tell every process, when this transaction commits, to forget a key (or all) of a cache."""
    await session.execute(select(func.pg_notify(CHANNEL, f"{name}:{key}")))
    session.info.setdefault(_INFO, []).append((name, key))


def forget_after_commit(session: AsyncSession) -> None:
    """The committing process forgets at once, so that its caller reads its own write."""
    _forget(session.info.pop(_INFO, ()))


def heard(payload: str) -> None:
    """An invalidation that arrived by NOTIFY."""
    name, _, key = payload.partition(":")
    _forget([(name, key)])


def _forget(pairs: Iterable[tuple[str, str]]) -> None:
    for name, key in pairs:
        if name in _caches:
            _caches[name].forget(key)


def is_listening() -> bool:
    """Whether invalidations of other processes are heard."""
    return _listening


def set_listening(*, listening: bool) -> None:
    """Called by the listener; whatever was kept before may be stale once the connection was lost."""
    global _listening  # noqa: PLW0603 - one listener per process
    _listening = listening
    for cache in _caches.values():
        cache.forget(EVERYTHING)
