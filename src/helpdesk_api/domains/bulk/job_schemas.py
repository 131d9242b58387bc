"""Bodies of bulk jobs."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.conditions.tree import ConditionTree
from helpdesk_api.database.ids import BulkJobId
from helpdesk_api.domains.bulk.enums import BulkJobStatus
from helpdesk_api.domains.bulk.schemas import BulkProblem, Steps
from helpdesk_api.domains.tickets.queries import TicketKeyText
from helpdesk_api.web.schemas import WHOLE_NUMBER, Instant, Page, QueryText, RequestModel, ResponseModel

MAX_TICKETS = 10_000
Keys = Annotated[list[TicketKeyText], Field(min_length=1, max_length=MAX_TICKETS)]


class BulkJobCreate(RequestModel):
    """The same steps on each ticket: on those that are named, or on all that a question finds now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "query": "is:open tag:outage",
                    "expected_count": 412,
                    "steps": [{"op": "comment", "body": {"body": "The gateway is back."}}],
                }
            ]
        }
    )

    ticket_ids: Keys | None = Field(default=None, description="Or a question.")
    query: QueryText | None = Field(default=None, description="The search language, as in `GET /v1/tickets`.")
    conditions: ConditionTree | None = Field(default=None, description="As in `POST /v1/tickets/search`.")
    expected_count: Annotated[int, Field(ge=1, le=MAX_TICKETS), WHOLE_NUMBER] | None = Field(
        default=None, description="With a question: how many tickets it found when a person looked."
    )
    steps: Steps


class BulkProgress(ResponseModel):
    """How far it has come; what is neither done nor failed is still ahead, or was left when it was cancelled."""

    total: int = Field(ge=0)
    done: int = Field(ge=0)
    failed: int = Field(ge=0)


class BulkJobRead(ResponseModel):
    """Many changes, made little by little."""

    model_config = ConfigDict(title="BulkJob")

    id: BulkJobId
    status: BulkJobStatus
    progress: BulkProgress
    result_url: str = Field(max_length=100, description="What became of each ticket.")
    problem_code: str | None = Field(
        max_length=100, description="Why it failed as a whole: `caller_gone`, its author was deactivated. Else null."
    )
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None


class BulkJobPage(Page[BulkJobRead]):
    """The caller's bulk jobs, newest first."""


class BulkJobResult(ResponseModel):
    """What became of one ticket."""

    ticket_id: TicketKeyText
    status: int | None = Field(ge=200, le=599, description="Null while it is ahead, or was left.")
    problem: BulkProblem | None


class BulkJobResultPage(Page[BulkJobResult]):
    """In the order of the ids that were given, or of the tickets' age."""
