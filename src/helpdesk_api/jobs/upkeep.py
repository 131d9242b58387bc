"""Keeps the queue's tables small."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, exists
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.jobs.tables import QueueStatus, log, queue

PRUNE_JOB = "jobs.prune"
KEEP_LOG = timedelta(days=7)
# Long enough for the worker that finished a job to remove it itself.
KEEP_FINISHED = timedelta(minutes=5)


async def prune(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Finished jobs whose worker died before removing them, and the log of jobs that left the queue a week ago."""
    del payload
    now = clock.now()
    await session.execute(
        delete(queue).where(
            queue.c.status == QueueStatus.SUCCESSFUL,
            queue.c.heartbeat < now - KEEP_FINISHED,
        )
    )
    in_queue = exists().where(queue.c.id == log.c.job_id)
    await session.execute(delete(log).where(log.c.created < now - KEEP_LOG, ~in_queue))
