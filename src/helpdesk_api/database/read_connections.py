"""The connections that reads take turns on, out of reach of the engine's pool.

They are opened by the engine, so that they are set up as all others are, and then kept: taking one from its pool costs
as much as a small SELECT.
"""

import asyncio
from types import TracebackType
from typing import Any

from sqlalchemy import PoolProxiedConnection
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from helpdesk_api.database.reads import ReadSession

# As the engine's own pool waits.
WAIT_SECONDS = 30


class ReadConnections:
    """At most `size` connections; the last used first, since its caches are warm."""

    def __init__(self, engine: AsyncEngine, size: int) -> None:
        self._engine = engine
        # A place without a connection is one that may be opened.
        self._places: asyncio.LifoQueue[PoolProxiedConnection | None] = asyncio.LifoQueue()
        for _ in range(size):
            self._places.put_nowait(None)

    def reading(self) -> "Reading":
        return Reading(self)

    async def take(self) -> PoolProxiedConnection:
        """Raises SQLAlchemy's TimeoutError when none is free for 30 seconds."""
        try:
            connection = self._places.get_nowait()
        except asyncio.QueueEmpty:
            connection = await self._wait()
        if connection is not None:
            if not _driver(connection).is_closed():
                return connection
            # The engine does not see what happens on the driver's connection, so a dead one is ours to throw away.
            connection.invalidate()
        try:
            return await self._engine.raw_connection()
        except BaseException:
            self._places.put_nowait(None)
            raise

    async def _wait(self) -> PoolProxiedConnection | None:
        try:
            return await asyncio.wait_for(self._places.get(), WAIT_SECONDS)
        except TimeoutError as error:
            message = "no connection for reads was free in time"
            raise PoolTimeout(message) from error

    def give_back(self, connection: PoolProxiedConnection) -> None:
        if _driver(connection).is_closed():
            connection.invalidate()
            self._places.put_nowait(None)
        else:
            self._places.put_nowait(connection)

    def close(self) -> None:
        """Back to the engine, which is about to close its own."""
        held = [self._places.get_nowait() for _ in range(self._places.qsize())]
        for connection in held:
            if connection is not None:
                connection.close()
            self._places.put_nowait(None)


class Reading:
    """One turn; by hand, since a generator costs more than the turn."""

    __slots__ = ("_connection", "_connections")

    def __init__(self, connections: ReadConnections) -> None:
        self._connections = connections
        self._connection: PoolProxiedConnection | None = None

    async def __aenter__(self) -> ReadSession:
        return ReadSession(await self.take(), self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()

    async def take(self) -> Any:
        self._connection = await self._connections.take()
        return _driver(self._connection)

    def give_back(self) -> None:
        if self._connection is not None:
            self._connections.give_back(self._connection)
            self._connection = None


def _driver(connection: PoolProxiedConnection) -> Any:
    return connection.driver_connection
