"""Reads of the job queue, for operators."""

import json
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, true

from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.operations.enums import JobStatus
from helpdesk_api.domains.operations.errors import JobNotFound
from helpdesk_api.jobs.tables import QueueStatus, log, queue
from helpdesk_api.web.listing import PageRequest, SortKey, paged

_STORED = {
    JobStatus.QUEUED: QueueStatus.QUEUED,
    JobStatus.RUNNING: QueueStatus.PICKED,
    JobStatus.FAILED: QueueStatus.FAILED,
}
_SHOWN_AS = {stored.value: shown for shown, stored in _STORED.items()}
_NEWEST_FIRST = (SortKey("id", queue.c.id, int, descending=True),)
_LARGEST = 2**63 - 1


def _select() -> AnySelect:
    """Jobs with the last error of each, in one statement."""
    error = (
        select(log.c.traceback, log.c.created)
        .where(log.c.job_id == queue.c.id, log.c.traceback.is_not(None))
        .order_by(log.c.id.desc())
        .limit(1)
        .lateral("error")
    )
    return (
        select(
            queue.c.id,
            queue.c.entrypoint,
            queue.c.status,
            queue.c.payload,
            queue.c.attempts,
            queue.c.created,
            queue.c.execute_after,
            queue.c.updated,
            error.c.traceback,
            error.c.created.label("failed_at"),
        )
        .select_from(queue)
        .outerjoin(error, onclause=true())
        .where(queue.c.status.in_(list(_SHOWN_AS)))
    )


def _shown(row: Any) -> dict[str, Any]:
    arguments = json.loads(row["payload"] or b"{}")
    return {
        "id": UUID(int=row["id"]),
        "name": row["entrypoint"],
        "status": _SHOWN_AS[row["status"]],
        "arguments": [{"name": name, "value": str(value)[:500]} for name, value in arguments.items()],
        "attempts": row["attempts"],
        "created_at": row["created"],
        "run_at": row["execute_after"],
        "updated_at": row["updated"],
        "last_error": _error(row),
    }


def _error(row: Any) -> dict[str, Any] | None:
    if row["traceback"] is None:
        return None
    return {
        "type": row["traceback"]["exception_type"][:200],
        "message": row["traceback"]["exception_message"][:1_000],
        "occurred_at": row["failed_at"],
    }


async def list_jobs(
    reads: ReadSession, page: PageRequest, *, status: JobStatus | None, name: str | None
) -> dict[str, Any]:
    """The page as its schema has it; one statement, one more for a total."""
    where: list[ColumnElement[bool]] = []
    if status is not None:
        where.append(queue.c.status == _STORED[status].value)
    if name is not None:
        where.append(queue.c.entrypoint == name)
    cut = paged(_select().where(*where), _NEWEST_FIRST, page)
    rows, next_cursor, prev_cursor = cut.finish(await reads.fetch(cut.statement))
    total = None
    if page.include_total:
        shown = queue.c.status.in_(list(_SHOWN_AS))
        total = await reads.fetch_value(select(func.count()).select_from(queue).where(shown, *where))
    return {
        "data": [_shown(row) for row in rows],
        "next_cursor": next_cursor,
        "prev_cursor": prev_cursor,
        "total": total,
        "total_is_exact": True if page.include_total else None,
    }


def queue_id(job_id: UUID) -> int:
    """The queue's own number behind a public id. Raises `job_not_found`."""
    if job_id.int > _LARGEST:
        raise JobNotFound
    return job_id.int


async def get_job(reads: ReadSession, job_id: UUID) -> dict[str, Any]:
    """Raises `job_not_found`."""
    row = await reads.fetch_one(_select().where(queue.c.id == queue_id(job_id)))
    if row is None:
        raise JobNotFound
    return _shown(row)
