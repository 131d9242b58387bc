"""Bodies of the checklist operations."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import ChecklistItemId, TicketId, UserId
from helpdesk_api.domains.tickets.sharing import Allowances
from helpdesk_api.web.schemas import (
    WHOLE_NUMBER,
    Flag,
    Instant,
    Page,
    RequestModel,
    ResponseModel,
    ShortText,
    absent,
)

MAX_POSITION = 10_000
_Position = Annotated[int, Field(ge=0, le=MAX_POSITION), WHOLE_NUMBER]


class ChecklistItemCreate(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Order the laptop", "is_required": True}]})

    title: ShortText
    is_required: Flag = Field(default=False, description="Before the ticket is resolved; false when left out.")
    assignee_id: UserId | None = Field(default=None, description="Somebody who works on the ticket.")
    position: _Position | None = Field(default=None, description="Smaller comes first; the last when left out.")


class ChecklistItemUpdate(RequestModel):
    """JSON merge patch (RFC 7396)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"is_done": True}]})

    title: ShortText = absent()
    is_required: Flag = absent()
    assignee_id: UserId | None = absent()
    position: _Position = absent()
    is_done: Flag = absent()


class ChecklistItemRead(ResponseModel):
    """Something to be done for a ticket."""

    model_config = ConfigDict(title="ChecklistItem")

    id: ChecklistItemId
    ticket_id: TicketId
    title: str = Field(max_length=200)
    position: int = Field(ge=0, le=MAX_POSITION)
    is_required: bool
    assignee_id: UserId | None
    done_at: Instant | None
    done_by_id: UserId | None
    created_by_id: UserId
    created_at: Instant
    updated_at: Instant
    allowed_actions: Allowances


class ChecklistItemPage(Page[ChecklistItemRead]):
    """A ticket's checklist in its order."""
