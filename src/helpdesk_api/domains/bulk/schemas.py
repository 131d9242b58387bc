"""Bodies of the bulk operation."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.domains.bulk.steps import TicketStep
from helpdesk_api.domains.tickets.queries import TicketKeyText
from helpdesk_api.domains.tickets.schemas import TicketDetail
from helpdesk_api.web.preconditions import ETAG_LENGTH, ETAGS_LENGTH, ETAGS_PATTERN
from helpdesk_api.web.schemas import Flag, RequestModel, ResponseModel

MAX_BULK = 100
Steps = Annotated[list[TicketStep], Field(min_length=1, max_length=10)]


class BulkItem(RequestModel):
    """Steps on one ticket, taken in order, all or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"ticket_id": "INC-1042", "steps": [{"op": "assign", "body": {"assignee_id": "me"}}]}]
        }
    )

    ticket_id: TicketKeyText
    if_match: Annotated[str, Field(max_length=ETAGS_LENGTH, pattern=ETAGS_PATTERN)] | None = Field(
        default=None, description="Change it only if this is still its ETag."
    )
    steps: Steps


class TicketBulk(RequestModel):
    """At most 100 tickets, each once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "ticket_id": "INC-1042",
                            "steps": [
                                {"op": "comment", "body": {"body": "The gateway is back."}},
                                {
                                    "op": "resolve",
                                    "body": {"resolution_code": "fixed", "resolution_text": "The gateway is back."},
                                },
                            ],
                        }
                    ],
                    "atomic": False,
                }
            ]
        }
    )

    items: Annotated[list[BulkItem], Field(min_length=1, max_length=MAX_BULK)]
    atomic: Flag = Field(default=False, description="All or nothing; false when left out.")


class BulkFieldError(ResponseModel):
    """One wrong place."""

    pointer: str | None = Field(max_length=500, description="Into the request's body.")
    code: str = Field(max_length=100)
    detail: str = Field(max_length=2_000)


class BulkProblem(ResponseModel):
    """Why an item failed: the members of its problem that differ from item to item."""

    type: str = Field(max_length=200)
    title: str = Field(max_length=200)
    detail: str = Field(max_length=2_000)
    code: str = Field(max_length=100)
    errors: list[BulkFieldError] = Field(max_length=50)


class BulkResult(ResponseModel):
    """What became of one item; never are both `ticket` and `problem` there."""

    ticket_id: TicketKeyText
    status: int = Field(ge=200, le=599, description="As the item's own request would have been answered.")
    etag: str | None = Field(max_length=ETAG_LENGTH, description="The ticket's, after it; null with `ticket`.")
    ticket: TicketDetail | None = Field(
        description="As the caller sees it after the steps; null where they failed, and, with the status 200, when it "
        "has left their sight."
    )
    problem: BulkProblem | None = Field(description="Null with the status 200.")


class BulkResults(ResponseModel):
    """One result for each item, in their order."""

    data: list[BulkResult] = Field(max_length=MAX_BULK)
