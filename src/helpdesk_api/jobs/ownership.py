"""What pgqueuer leaves open: a worker that lost its job must not finish it, and a job must not kill every worker."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.adapters.persistence.query_helpers import cell
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.jobs.tables import QueueStatus, queue

# Picked this often without an outcome, a job is held to have killed its workers.
MAX_PICKS = 5

_PICKS_SINCE_QUEUED = """
SELECT picked.job_id, count(*) AS picks FROM pgqueuer_log picked
WHERE picked.job_id = ANY($1::bigint[]) AND picked.status = 'picked'
  AND picked.id > (
    SELECT coalesce(max(queued.id), 0) FROM pgqueuer_log queued
    WHERE queued.job_id = picked.job_id AND queued.status = 'queued'
  )
GROUP BY picked.job_id HAVING count(*) > $2::bigint
"""
_STANDING = """
SELECT job.id, job.status = 'successful' AS is_finished FROM pgqueuer job
JOIN unnest($1::bigint[], $2::uuid[]) AS held(id, manager) ON held.id = job.id
WHERE job.status = 'successful' OR (job.status = 'picked' AND job.queue_manager_id = held.manager)
"""


class JobTakenOver(Exception):
    """The heartbeat went stale and another worker has the job: this one's work is rolled back."""


async def finish(session: AsyncSession, job: Job) -> None:
    """Mark the job done in the transaction of its work, so that both commit, once; raises `JobTakenOver`."""
    done = await session.execute(
        update(queue)
        .where(
            queue.c.id == job.id,
            queue.c.status == QueueStatus.PICKED,
            queue.c.queue_manager_id == job.queue_manager_id,
        )
        .values(status=QueueStatus.SUCCESSFUL, queue_manager_id=None)
        .returning(queue.c.id)
    )
    if done.first() is None:
        raise JobTakenOver(job.id)


class OwnedQueries(Queries):
    """pgqueuer's queries, where an outcome counts only from the job's owner."""

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        jobs = await super().dequeue(
            batch_size,
            entrypoints,
            queue_manager_id,
            global_concurrency_limit,
            heartbeat_timeout,
        )
        if not jobs:
            return jobs
        rows = await self.driver.fetch(_PICKS_SINCE_QUEUED, [job.id for job in jobs], MAX_PICKS)
        deadly = {row["job_id"] for row in rows}
        if deadly:
            await self.log_jobs([(job, "failed", _crash_record(job)) for job in jobs if job.id in deadly])
        return [job for job in jobs if job.id not in deadly]

    async def log_jobs(self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]) -> None:
        finished = await self._finished([job for job, _, _ in job_status])
        # A success was written by `finish`. A cancelled job was interrupted: its row stays, and is taken up again.
        kept = [
            entry
            for entry in job_status
            if entry[1] != "canceled" and finished.get(entry[0].id) is (entry[1] == "successful")
        ]
        if kept:
            await super().log_jobs(kept)

    async def retry_job(self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        # A commit whose answer was lost may have finished the job after all.
        if (await self._finished([job])).get(job.id) is False:
            await super().retry_job(job, delay, traceback_record)

    async def _finished(self, jobs: Sequence[Job]) -> dict[int, bool]:
        """Whether each job is done already; jobs that another worker has by now are left out."""
        rows = await self.driver.fetch(_STANDING, [job.id for job in jobs], [job.queue_manager_id for job in jobs])
        return {cell(row, "id", int): cell(row, "is_finished", bool) for row in rows}


def _crash_record(job: Job) -> TracebackRecord:
    return TracebackRecord(
        job_id=job.id,
        timestamp=datetime.now(UTC),
        exception_type="WorkerLost",
        exception_message=f"{MAX_PICKS} workers took this job and none came back.",
        traceback="",
        additional_context=None,
    )
