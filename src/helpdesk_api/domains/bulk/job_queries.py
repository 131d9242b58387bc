"""Reads of bulk jobs: of one's own."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.bulk.errors import BulkJobNotFound
from helpdesk_api.domains.bulk.models import BulkJob, BulkJobItem
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

_COLUMNS = tuple(BulkJob.__table__.c)
_NEWEST = (
    SortKey("created_at", BulkJob.created_at, datetime, descending=True),
    SortKey("id", BulkJob.id, UUID, descending=True),
)
_IN_ORDER = (SortKey("position", BulkJobItem.position, int),)
_FAILED = 400


def shown(job: Any) -> dict[str, Any]:
    """A row or an entity as it is answered."""
    row = job if not isinstance(job, BulkJob) else {column.name: getattr(job, column.name) for column in _COLUMNS}
    return {
        "id": row["id"],
        "status": row["status"],
        "progress": {name: row[name] for name in ("total", "done", "failed")},
        "result_url": f"/v1/bulk-jobs/{public_id('bjb', row['id'])}/results",
        **{name: row[name] for name in ("problem_code", "created_at", "started_at", "finished_at")},
    }


async def list_jobs(reads: ReadSession, principal: Principal, page: PageRequest) -> dict[str, Any]:
    statement = select(*_COLUMNS).where(BulkJob.created_by_id == principal.user_id)
    answer = await page_of(reads, statement, _NEWEST, page)
    answer["data"] = [shown(row) for row in answer["data"]]
    return answer


async def get_job(reads: ReadSession, principal: Principal, job_id: UUID) -> Any:
    """Raises `bulk_job_not_found`."""
    row = await reads.fetch_one(
        select(*_COLUMNS).where(BulkJob.id == job_id, BulkJob.created_by_id == principal.user_id)
    )
    if row is None:
        raise BulkJobNotFound
    return row


async def lock_job(session: AsyncSession, principal: Principal, job_id: UUID) -> BulkJob:
    """Raises `bulk_job_not_found`."""
    statement = select(BulkJob).where(BulkJob.id == job_id, BulkJob.created_by_id == principal.user_id)
    found: BulkJob | None = await session.scalar(statement.with_for_update())
    if found is None:
        raise BulkJobNotFound
    return found


async def list_results(
    reads: ReadSession, principal: Principal, job_id: UUID, page: PageRequest, *, is_failed: bool | None
) -> dict[str, Any]:
    """Raises `bulk_job_not_found`."""
    await get_job(reads, principal, job_id)
    statement = select(
        BulkJobItem.position, BulkJobItem.ticket_key.label("ticket_id"), BulkJobItem.status, BulkJobItem.problem
    ).where(BulkJobItem.job_id == job_id)
    if is_failed is not None:
        statement = statement.where(BulkJobItem.status >= _FAILED if is_failed else BulkJobItem.status < _FAILED)
    return await page_of(reads, statement, _IN_ORDER, page)
