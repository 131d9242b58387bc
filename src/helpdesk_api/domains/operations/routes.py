"""The job queue over HTTP, for operators."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import JobId
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.operations import actions, queries
from helpdesk_api.domains.operations.enums import JobStatus
from helpdesk_api.domains.operations.errors import JobNotFailed, JobNotFound, JobSuperseded
from helpdesk_api.domains.operations.schemas import Job, JobPage
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, link_header
from helpdesk_api.web.preconditions import set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/jobs", tags=["jobs"])
JobName = Annotated[
    str,
    Query(
        max_length=64,
        pattern=r"^[a-z][a-z0-9_.-]*$",
        description="Only jobs of this name.",
        examples=["mail.deliver"],
    ),
]


@router.get(
    "",
    operation_id="listJobs",
    summary="List jobs",
    response_model=JobPage,
    dependencies=[requires(Permission.OPERATIONS_READ)],
    responses=documents(InvalidCursor),
)
async def list_jobs(
    page: PageDep,
    reads: ReadSessionDep,
    response: Response,
    status: Annotated[JobStatus | None, Query(description="Only jobs in this state.")] = None,
    name: JobName | None = None,
) -> Any:
    """The newest first; `status=failed` are the dead letters."""
    found = await queries.list_jobs(reads, page, status=status, name=name)
    link = link_header(page, found["next_cursor"], found["prev_cursor"])
    if link:
        response.headers["Link"] = link
    return found


@router.get(
    "/{job_id}",
    operation_id="getJob",
    summary="Read a job",
    response_model=Job,
    dependencies=[requires(Permission.OPERATIONS_READ)],
    responses=documents(JobNotFound),
)
async def get_job(job_id: JobId, reads: ReadSessionDep, response: Response) -> Any:
    found = await queries.get_job(reads, job_id)
    set_etag(response, f'"{found["status"]}-{found["attempts"]}-{found["updated_at"].timestamp()}"')
    return found


@router.post(
    "/{job_id}/requeue",
    operation_id="requeueJob",
    summary="Queue a failed job again",
    status_code=204,
    dependencies=[requires(Permission.OPERATIONS_WRITE)],
    responses=documents(JobNotFound, JobNotFailed, JobSuperseded),
)
async def requeue_job(job_id: JobId, session: SessionDep) -> None:
    """It starts over with all its attempts."""
    await actions.requeue_job(session, job_id)


ROUTERS = (router,)
