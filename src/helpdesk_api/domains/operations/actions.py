"""What an operator may do with a job."""

from uuid import UUID

from pgqueuer.domain.types import JobId
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.domains.operations.errors import JobNotFailed, JobNotFound, JobSuperseded
from helpdesk_api.domains.operations.queries import queue_id
from helpdesk_api.jobs.queue import queries_in
from helpdesk_api.jobs.tables import QueueStatus, queue


async def requeue_job(session: AsyncSession, job_id: UUID) -> None:
    """Its attempts start over, now. Raises `job_not_found`, `job_not_failed` and `job_superseded`."""
    number = queue_id(job_id)
    status = await session.scalar(select(queue.c.status).where(queue.c.id == number).with_for_update())
    if status is None:
        raise JobNotFound
    if status != QueueStatus.FAILED:
        raise JobNotFailed
    try:
        await queries_in(session).requeue_jobs([JobId(number)])
    except IntegrityError as error:
        raise JobSuperseded from error
