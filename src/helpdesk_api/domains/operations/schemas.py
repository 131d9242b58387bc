"""Jobs as operators see them."""

from typing import Annotated

from pydantic import Field

from helpdesk_api.database.ids import JobId
from helpdesk_api.domains.operations.enums import JobStatus
from helpdesk_api.web.schemas import Instant, Page, ResponseModel


class JobArgument(ResponseModel):
    """One value that a job was given; mostly an id."""

    name: str = Field(max_length=64)
    value: str = Field(max_length=500)


class JobError(ResponseModel):
    """Why a job failed the last time."""

    type: str = Field(max_length=200, examples=["TimeoutError"])
    message: str = Field(max_length=1_000)
    occurred_at: Instant


class Job(ResponseModel):
    """Work that waits, runs, or was given up; what is done is gone."""

    id: JobId
    name: str = Field(max_length=120, examples=["mail.deliver"])
    status: JobStatus
    arguments: Annotated[list[JobArgument], Field(max_length=50)]
    attempts: int = Field(ge=0, description="Failed ones so far.")
    created_at: Instant
    run_at: Instant = Field(description="Not before.")
    updated_at: Instant
    last_error: JobError | None


class JobPage(Page[Job]):
    """One page of jobs, the newest first."""
