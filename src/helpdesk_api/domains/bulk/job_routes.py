"""Bulk jobs over HTTP."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.conditions.checking import InvalidConditions
from helpdesk_api.conditions.query_language import InvalidQuery
from helpdesk_api.database.ids import BulkJobId, public_id
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.bulk import errors, job_queries, jobs
from helpdesk_api.domains.bulk.job_schemas import BulkJobCreate, BulkJobPage, BulkJobRead, BulkJobResultPage
from helpdesk_api.domains.tickets.errors import TicketRepeated
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import PreconditionFailed, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(
    prefix="/v1/bulk-jobs",
    tags=["bulk-jobs"],
    about=(
        "The same steps on up to 10,000 tickets, made little by little by the worker, with the rights that the caller "
        "has at that time and had when they asked. Each ticket is changed all or not at all."
    ),
)
_READ = [requires(Permission.TICKETS_READ)]
_WRITE = [requires(Permission.TICKETS_WRITE)]
SECONDS = "2"


@router.post(
    "",
    operation_id="createBulkJob",
    summary="Change more tickets than one request can",
    status_code=202,
    response_model=BulkJobRead,
    dependencies=_WRITE,
    responses=documents(errors.BulkTargetUnclear, TicketRepeated, errors.CountChanged, InvalidConditions, InvalidQuery),
)
async def create_bulk_job(body: BulkJobCreate, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """The tickets are chosen now: what a question would find later is not touched. When it finds another number than
    `expected_count`, nothing is begun."""
    job = await jobs.begin(session, principal, body)
    response.headers["Location"] = f"/v1/bulk-jobs/{public_id('bjb', job.id)}"
    response.headers["Retry-After"] = SECONDS
    return job_queries.shown(job)


@router.get(
    "",
    operation_id="listBulkJobs",
    summary="List one's bulk jobs",
    response_model=BulkJobPage,
    dependencies=_READ,
    responses=documents(InvalidCursor),
)
async def list_bulk_jobs(page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """Newest first; those of the last 30 days."""
    answer = await job_queries.list_jobs(reads, principal, page)
    add_links(response, page, answer)
    return answer


@router.get(
    "/{bulk_job_id}",
    operation_id="getBulkJob",
    summary="See how far a bulk job is",
    response_model=BulkJobRead,
    dependencies=_READ,
    responses=documents(errors.BulkJobNotFound),
)
async def get_bulk_job(
    bulk_job_id: BulkJobId, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """With its ETag, asking again costs next to nothing while nothing has moved."""
    row = await job_queries.get_job(reads, principal, bulk_job_id)
    set_etag(response, etag_of(row["version"]))
    return job_queries.shown(row)


@router.delete(
    "/{bulk_job_id}",
    operation_id="cancelBulkJob",
    summary="Stop a bulk job",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(errors.BulkJobNotFound, errors.BulkJobEnded, PreconditionFailed),
)
async def cancel_bulk_job(
    bulk_job_id: BulkJobId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """What was done stays done; the rest is left as it is. The job itself can still be read."""
    job = await job_queries.lock_job(session, principal, bulk_job_id)
    if_match.check(etag_of(job.version))
    await jobs.cancel(job)


@router.get(
    "/{bulk_job_id}/results",
    operation_id="listBulkJobResults",
    summary="See what became of each ticket",
    response_model=BulkJobResultPage,
    dependencies=_READ,
    responses=documents(errors.BulkJobNotFound, InvalidCursor),
)
async def list_bulk_job_results(
    bulk_job_id: BulkJobId,
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
    is_failed: Annotated[bool | None, Query(description="Only those that failed, or only those that are done.")] = None,
) -> Any:
    """Also while it runs."""
    answer = await job_queries.list_results(reads, principal, bulk_job_id, page, is_failed=is_failed)
    add_links(response, page, answer)
    return answer
