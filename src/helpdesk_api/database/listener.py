"""One LISTEN connection per process: hears cache invalidations and wake-ups, and sends wake-ups, coalesced.

NOTIFY inside the request's transaction would serialise every commit on one lock, so wake-ups go out afterwards on
this connection. They are hints only: whoever waits for one also polls.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

import asyncpg
import structlog

from helpdesk_api.database import cache

logger = structlog.get_logger(__name__)
RECONNECT_SECONDS = 0.5
COALESCE_SECONDS = 0.02
HEALTH_SECONDS = 10.0


class Listener:
    """Keeps LISTEN alive and reconnects; `woken` callbacks are called in this process's event loop."""

    def __init__(self, url: str) -> None:
        self._dsn = url.replace("postgresql+asyncpg://", "postgresql://", 1)
        self._callbacks: dict[str, list[Callable[[], None]]] = {}
        self._to_wake: set[str] = set()
        self._pending = asyncio.Event()
        self._sent_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def on_wake(self, channel: str, callback: Callable[[], None]) -> None:
        self._callbacks.setdefault(channel, []).append(callback)

    def wake(self, channel: str) -> None:
        """Tell whoever listens, in any process, that there is work; lost if the connection is down."""
        self._to_wake.add(channel)
        self._pending.set()

    async def start(self) -> None:
        """Returns once the first connection listens."""
        ready = asyncio.Event()
        self._task = asyncio.create_task(self._run(ready))
        waiter = asyncio.create_task(ready.wait())
        await asyncio.wait({self._task, waiter}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self, ready: asyncio.Event) -> None:
        while True:
            try:
                await self._serve(ready)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                logger.warning("listener_lost", error=str(error))
            finally:
                cache.set_listening(listening=False)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _serve(self, ready: asyncio.Event) -> None:
        connection = await asyncpg.connect(self._dsn)
        try:
            lost = asyncio.Event()
            connection.add_termination_listener(lambda *_: self._lost(lost))
            await connection.add_listener(cache.CHANNEL, lambda *message: cache.heard(str(message[-1])))
            for channel in self._callbacks:
                await connection.add_listener(channel, self._woken)
            cache.set_listening(listening=True)
            ready.set()
            while not lost.is_set():
                await self._send_wakeups(connection)
        finally:
            connection.terminate()

    async def _send_wakeups(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        try:
            await asyncio.wait_for(self._pending.wait(), HEALTH_SECONDS)
        except TimeoutError:
            # A connection that died without a word would leave the caches stale for ever.
            await connection.execute("SELECT 1", timeout=HEALTH_SECONDS)
            return
        # The first goes out at once; those that follow closely go out together.
        await asyncio.sleep(self._sent_at + COALESCE_SECONDS - time.monotonic())
        self._sent_at = time.monotonic()
        self._pending.clear()
        channels, self._to_wake = self._to_wake, set()
        for channel in channels:
            await connection.execute("SELECT pg_notify($1, '')", channel)

    def _lost(self, lost: asyncio.Event) -> None:
        lost.set()
        self._pending.set()

    def _woken(self, *message: object) -> None:
        for callback in self._callbacks.get(str(message[2]), ()):
            callback()
