"""Enqueueing: a job is a row that commits, or vanishes, with the transaction that asked for it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.ports.driver import Driver
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to be. `dedupe_key` is unique among waiting and running jobs; `run_at` is aware, null means now."""

    name: str
    payload: Mapping[str, Any]
    dedupe_key: str | None = None
    run_at: datetime | None = None


class _SessionDriver:
    """pgqueuer's door into our transaction.

    On the bare asyncpg connection its INSERT would commit by itself, because SQLAlchemy sends BEGIN only with the
    session's first statement.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        connection = await self._session.connection()
        result = await connection.exec_driver_sql(query, args)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []

    async def execute(self, query: str, *args: object) -> str:
        await self.fetch(query, *args)
        return ""


def queries_in(session: AsyncSession) -> Queries:
    """The queries of pgqueuer in this transaction; they ask their driver for no more than `fetch` and `execute`."""
    return Queries(cast("Driver", _SessionDriver(session)))


async def enqueue(
    session: AsyncSession,
    name: str,
    payload: Mapping[str, Any],
    *,
    dedupe_key: str | None = None,
    run_at: datetime | None = None,
) -> None:
    """A job with the same dedupe key that still waits or runs makes this one superfluous: it is skipped."""
    await enqueue_many(
        session,
        [NewJob(name=name, payload=payload, dedupe_key=dedupe_key, run_at=run_at)],
    )


async def enqueue_many(session: AsyncSession, jobs: Sequence[NewJob]) -> None:
    """All of them in one statement."""
    if not jobs:
        return
    await queries_in(session).enqueue(
        [job.name for job in jobs],
        [json.dumps(job.payload, separators=(",", ":")).encode() for job in jobs],
        [0] * len(jobs),
        [_delay(job.run_at) for job in jobs],
        [job.dedupe_key for job in jobs],
        # pgqueuer counts from PostgreSQL's clock; the instant by ours is kept for `run_due`.
        [{"run_at": job.run_at.isoformat()} if job.run_at else None for job in jobs],
        on_conflict="skip",
    )


def _delay(run_at: datetime | None) -> timedelta | None:
    return max(run_at - clock.now(), timedelta()) if run_at is not None else None
