"""Bulk jobs: tickets are chosen once, then changed in small transactions, each as its own request would be.

A batch commits its changes together with their results, so a killed worker leaves nothing half done and nothing twice.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ARRAY, Text, delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS, principal_of
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.writes import database_of, statements_of
from helpdesk_api.domains.bulk.actions import OK, shown, take_steps
from helpdesk_api.domains.bulk.enums import BulkJobStatus
from helpdesk_api.domains.bulk.errors import BulkJobEnded, BulkTargetUnclear, CountChanged
from helpdesk_api.domains.bulk.job_schemas import MAX_TICKETS, BulkJobCreate
from helpdesk_api.domains.bulk.models import BulkJob, BulkJobItem
from helpdesk_api.domains.bulk.schemas import Steps
from helpdesk_api.domains.bulk.steps import TicketStep
from helpdesk_api.domains.tickets import queries, search
from helpdesk_api.domains.tickets.errors import TicketNotFound, TicketRepeated
from helpdesk_api.domains.tickets.queries import VisibleTicket
from helpdesk_api.domains.tickets.several import lock_many_visible, names_of
from helpdesk_api.jobs.queue import enqueue
from helpdesk_api.web.errors import ProblemError

RUN = "bulk.run"
FORGET = "bulk.forget"
BATCH = 20
CALLER_GONE = "caller_gone"
KEPT_FOR = timedelta(days=30)
_ENDED = frozenset({BulkJobStatus.DONE, BulkJobStatus.CANCELLED, BulkJobStatus.FAILED})
_TEXTS = ARRAY(Text)
_steps: TypeAdapter[list[TicketStep]] = TypeAdapter(Steps)


async def begin(session: AsyncSession, principal: Principal, body: BulkJobCreate) -> BulkJob:
    """Raises `bulk_target_unclear`, `ticket_repeated`, `count_changed`, `invalid_query` and `invalid_conditions`."""
    keys = await _targets(session, principal, body)
    job = BulkJob(
        id=new_id(),
        created_by_id=principal.user_id,
        scopes=sorted(principal.permissions),
        # What was left out of a step must stay left out: a merge patch tells the difference.
        steps=[step.model_dump(mode="json", exclude_unset=True) for step in body.steps],
        status=BulkJobStatus.QUEUED,
        total=len(keys),
        done=0,
        failed=0,
        created_at=clock.now(),
        version=1,
    )
    session.add(job)
    await session.flush()
    place = func.generate_subscripts(literal(keys, _TEXTS), 1).label("place")
    numbered = select(place, func.unnest(literal(keys, _TEXTS)).label("key")).subquery()
    rows = select(literal(job.id), numbered.c.place - 1, numbered.c.key)
    await session.execute(insert(BulkJobItem).from_select(["job_id", "position", "ticket_key"], rows))
    await _enqueue(session, job)
    return job


async def _enqueue(session: AsyncSession, job: BulkJob) -> None:
    place = job.done + job.failed
    await enqueue(session, RUN, {"job_id": job.id.hex}, dedupe_key=f"bulk:{job.id.hex}:{place}")


async def _targets(session: AsyncSession, principal: Principal, body: BulkJobCreate) -> list[str]:
    asked = body.query is not None or body.conditions is not None
    if asked == (body.ticket_ids is not None):
        raise BulkTargetUnclear(pointer="#/ticket_ids")
    if asked != (body.expected_count is not None):
        raise BulkTargetUnclear(pointer="#/expected_count")
    if body.ticket_ids is not None:
        await _refuse_repeated(session, principal, body.ticket_ids)
        return body.ticket_ids
    reads = await statements_of(session)
    question = await search.read_question(reads, principal, conditions=body.conditions, query=body.query)
    found = await queries.find_ids(reads, principal, question.checked, limit=MAX_TICKETS + 1)
    if len(found) != body.expected_count:
        raise CountChanged(pointer="#/expected_count", params={"count": len(found)})
    return [public_id("tkt", ticket_id) for ticket_id in found]


async def _refuse_repeated(session: AsyncSession, principal: Principal, keys: Sequence[str]) -> None:
    names = await names_of(await statements_of(session), principal, keys)
    seen = set()
    for place, key in enumerate(keys):
        ticket = names.get(key, key)
        if ticket in seen:
            raise TicketRepeated(pointer=f"#/ticket_ids/{place}")
        seen.add(ticket)


async def cancel(job: BulkJob) -> None:
    """What was done stays. The job is locked, so no batch is under way. Raises `bulk_job_ended`."""
    if job.status in _ENDED:
        raise BulkJobEnded
    _end(job, BulkJobStatus.CANCELLED)


def _end(job: BulkJob, status: BulkJobStatus) -> None:
    job.status = status
    job.finished_at = clock.now()
    job.version += 1


async def run(session: AsyncSession, payload: dict[str, Any]) -> None:
    """One batch, and the job for the next."""
    job = await session.get(BulkJob, UUID(hex=payload["job_id"]), with_for_update=True)
    if job is None or job.status in _ENDED:
        return
    job.started_at = job.started_at or clock.now()
    grants = await GRANTS.get(database_of(session), job.created_by_id.hex)
    if grants is None or not grants.is_active:
        job.problem_code = CALLER_GONE
        _end(job, BulkJobStatus.FAILED)
        return
    ahead = (
        select(BulkJobItem.position, BulkJobItem.ticket_key)
        .where(BulkJobItem.job_id == job.id, BulkJobItem.status.is_(None))
        .order_by(BulkJobItem.position)
        .limit(BATCH)
    )
    items = (await session.execute(ahead)).all()
    await _take_batch(session, principal_of(grants, scopes=job.scopes), job, [(row[0], row[1]) for row in items])
    if job.done + job.failed == job.total:
        _end(job, BulkJobStatus.DONE)
        return
    job.status = BulkJobStatus.RUNNING
    job.version += 1
    await _enqueue(session, job)


async def _take_batch(
    session: AsyncSession, principal: Principal, job: BulkJob, items: Sequence[tuple[int, str]]
) -> None:
    steps = _steps.validate_python(job.steps)
    visible = await lock_many_visible(session, principal, [key for _, key in items])
    results = []
    for position, key in items:
        problem = await _take(session, principal, visible.get(key), steps)
        job.done += problem is None
        job.failed += problem is not None
        results.append(
            {
                "job_id": job.id,
                "position": position,
                "status": OK if problem is None else problem.status,
                "problem": None if problem is None else shown(problem),
            }
        )
    await session.execute(update(BulkJobItem), results)


async def _take(
    session: AsyncSession, principal: Principal, visible: VisibleTicket | None, steps: Sequence[TicketStep]
) -> ProblemError | None:
    if visible is None:
        return TicketNotFound()
    return await take_steps(session, database_of(session), principal, visible, steps, pointer="#")


async def forget(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: what ended long ago, with its results."""
    del payload
    await session.execute(delete(BulkJob).where(BulkJob.finished_at < clock.now() - KEPT_FOR))
