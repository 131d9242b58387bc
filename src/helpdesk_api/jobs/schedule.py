"""Recurring jobs: whichever worker locks a due row first enqueues its job; missed ticks are not made up for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.jobs.models import ScheduledTick
from helpdesk_api.jobs.queue import NewJob, enqueue_many


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job that is due every so often. Its name is its identity over restarts and releases."""

    name: str
    every: timedelta
    job: str
    payload: Mapping[str, Any] = field(default_factory=dict)


async def register(session: AsyncSession, schedule: Sequence[Scheduled]) -> None:
    """A new entry is due at once; a known one keeps its time."""
    rows = [{"name": entry.name, "next_run_at": clock.now()} for entry in schedule]
    if rows:
        await session.execute(insert(ScheduledTick).values(rows).on_conflict_do_nothing())


async def tick(session: AsyncSession, schedule: Sequence[Scheduled]) -> int:
    """Enqueue what is due and set its next time, in one transaction. Returns how many."""
    entries = {entry.name: entry for entry in schedule}
    now = clock.now()
    names = (
        await session.scalars(
            select(ScheduledTick.name)
            .where(ScheduledTick.name.in_(entries), ScheduledTick.next_run_at <= now)
            .with_for_update(skip_locked=True)
        )
    ).all()
    if not names:
        return 0
    due = [entries[name] for name in names]
    # A run that is still waiting or running stands for this tick too.
    await enqueue_many(
        session,
        [NewJob(name=entry.job, payload=entry.payload, dedupe_key=f"tick:{entry.name}") for entry in due],
    )
    connection = await session.connection()
    await connection.execute(
        update(ScheduledTick).where(ScheduledTick.name == bindparam("tick")).values(next_run_at=bindparam("following")),
        [{"tick": entry.name, "following": now + entry.every} for entry in due],
    )
    return len(due)
