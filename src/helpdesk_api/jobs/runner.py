"""Running jobs: pgqueuer picks, retries and holds; each handler's work commits once, together with its outcome."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.core.executors import (
    DatabaseRetryEntrypointExecutor,
    EntrypointExecutorParameters,
)
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import FailingListenerError
from pgqueuer.domain.models import Job
from sqlalchemy import DateTime, bindparam, cast, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.jobs.ownership import OwnedQueries, finish
from helpdesk_api.jobs.tables import QueueStatus, queue

logger = structlog.get_logger(__name__)

Handler = Callable[[AsyncSession, dict[str, Any]], Awaitable[None]]

# A worker that is silent for this long has lost its jobs to the others.
VISIBILITY = timedelta(seconds=10)
BATCH = 8
CONCURRENCY = 16
# How often an idle worker looks for jobs of dead ones; new jobs wake it by NOTIFY.
POLL = timedelta(seconds=2)
RECONNECT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How a failing job is tried again: the pause doubles each time, and then the job is held."""

    attempts: int = 10
    first_pause: timedelta = timedelta(seconds=1)
    last_pause: timedelta = timedelta(minutes=5)

    def executor(self, parameters: EntrypointExecutorParameters) -> DatabaseRetryEntrypointExecutor:
        return DatabaseRetryEntrypointExecutor(
            parameters, max_attempts=self.attempts, initial_delay=self.first_pause, max_delay=self.last_pause
        )


class JobRunner:
    """One process's share of the queue."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, Handler],
        *,
        visibility: timedelta = VISIBILITY,
        retries: Retries | None = None,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._visibility = visibility
        self._retries = retries or Retries()
        self._dsn = database.url.replace("postgresql+asyncpg://", "postgresql://", 1)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; running jobs finish first. A lost connection is made again."""
        while not stop.is_set():
            try:
                await self._run_connected(stop)
            except (
                OSError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                FailingListenerError,
            ) as error:
                logger.warning("job_runner_lost_connection", error=str(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RECONNECT_SECONDS)

    async def _run_connected(self, stop: asyncio.Event) -> None:
        async with asyncpg.create_pool(self._dsn, min_size=1, max_size=4) as pool:
            manager = QueueManager(OwnedQueries(AsyncpgPoolDriver(pool)))
            for name in self._handlers:
                manager.entrypoint(
                    name,
                    accepts_context=False,
                    on_failure="hold",
                    executor_factory=self._retries.executor,
                )(self._execute)
            async with _forwarding(stop, manager.shutdown):
                await manager.run(
                    dequeue_timeout=POLL,
                    batch_size=BATCH,
                    max_concurrent_tasks=CONCURRENCY,
                    heartbeat_timeout=self._visibility,
                    shutdown_on_listener_failure=True,
                    log_aggregation_interval=timedelta(),
                )

    async def _execute(self, job: Job) -> None:
        async with self._database.session() as session:
            await self._handlers[job.entrypoint](session, _payload(job.payload))
            await finish(session, job)


@asynccontextmanager
async def _forwarding(source: asyncio.Event, target: asyncio.Event) -> AsyncIterator[None]:
    """Set `target` when `source` is set, as long as the block runs."""

    async def forward() -> None:
        await source.wait()
        target.set()

    task = asyncio.create_task(forward())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _payload(raw: bytes | None) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(raw or b"{}")
    return payload


_RUN_AT = cast(queue.c.headers["run_at"].astext, DateTime(timezone=True))
_NEXT_DUE = (
    select(queue.c.id, queue.c.entrypoint, queue.c.payload)
    .where(
        queue.c.status == QueueStatus.QUEUED,
        or_(_RUN_AT.is_(None), bindparam("now") >= _RUN_AT),
    )
    .order_by(func.coalesce(_RUN_AT, queue.c.execute_after), queue.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)


async def run_due(database: Database, handlers: Mapping[str, Handler]) -> int:
    """Run what is due by our clock, one after the other, without a worker; a failure is raised. Returns how many."""
    ran = 0
    while True:
        async with database.session() as session:
            job = (await session.execute(_NEXT_DUE, {"now": clock.now()})).first()
            if job is None:
                return ran
            await handlers[job.entrypoint](session, _payload(job.payload))
            await session.execute(delete(queue).where(queue.c.id == job.id))
        ran += 1
