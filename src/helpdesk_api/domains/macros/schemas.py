"""Bodies of the macro operations."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, PlainSerializer

from helpdesk_api.conditions.tree import Condition, ConditionTree
from helpdesk_api.database.ids import MacroId, TeamId, TicketId, UserId
from helpdesk_api.domains.audit.schemas import EventChange
from helpdesk_api.domains.bulk.schemas import Steps
from helpdesk_api.domains.bulk.steps import TicketStep
from helpdesk_api.domains.tickets.queries import TicketKeyText
from helpdesk_api.domains.tickets.schemas import TicketDetail
from helpdesk_api.domains.tickets.sharing import Allowances, SharingScope
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.web.preconditions import ETAG_LENGTH
from helpdesk_api.web.schemas import Instant, Name, OptionalText, Page, RequestModel, ResponseModel, absent

_STEPS = (
    "As in `POST /v1/tickets/bulk`. What a step says (a comment's body, a resolution's text, a reason) may hold the "
    "placeholders of canned responses."
)
_CONDITIONS = "For which tickets it is offered; `me` is whoever applies it. For all when left out."


class MacroCreate(RequestModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Fixed by restart",
                    "scope": "personal",
                    "conditions": {"field": "status", "op": "ne", "value": "resolved"},
                    "steps": [
                        {"op": "assign", "body": {"assignee_id": "me"}},
                        {"op": "comment", "body": {"body": "Hello {{ requester.first_name }}, it works again."}},
                        {
                            "op": "resolve",
                            "body": {"resolution_code": "fixed", "resolution_text": "Restarted the service."},
                        },
                    ],
                }
            ]
        }
    )

    title: Name
    description: OptionalText | None = None
    scope: SharingScope
    team_id: TeamId | None = Field(default=None, description="Whose it is, for the scope `team`.")
    conditions: ConditionTree | None = Field(default=None, description=_CONDITIONS)
    steps: Steps = Field(description=_STEPS)


class MacroUpdate(RequestModel):
    """JSON merge patch (RFC 7396); the scope stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Fixed by a restart"}]})

    title: Name = absent()
    description: OptionalText | None = absent()
    conditions: ConditionTree | None = absent()
    steps: Steps = absent()


def _as_sent(step: Any) -> Any:
    return step.model_dump(mode="json", exclude_unset=True)


class MacroRead(ResponseModel):
    """Several changes and a reply as one action."""

    model_config = ConfigDict(title="Macro")

    id: MacroId
    title: str = Field(max_length=120)
    description: str | None = Field(max_length=500)
    scope: SharingScope
    owner_id: UserId
    team_id: TeamId | None
    conditions: Condition | None
    steps: list[Annotated[TicketStep, PlainSerializer(_as_sent, when_used="json")]] = Field(
        min_length=1, max_length=10, description="As they were sent."
    )
    created_at: Instant
    updated_at: Instant
    allowed_actions: Allowances


class MacroPage(Page[MacroRead]):
    """The caller's macros by title."""


class MacroPreview(RequestModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"ticket_id": "INC-1042"}]})

    ticket_id: TicketKeyText


class MacroApply(RequestModel):
    """A macro takes no fields: what it does is what its preview shows."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class MacroReply(ResponseModel):
    """Something that the macro says, its placeholders filled in."""

    visibility: Visibility
    body: str = Field(max_length=65_536, description="Markdown.")
    body_html: str = Field(max_length=1_000_000)


class MacroEffect(ResponseModel):
    """What a macro does to a ticket."""

    ticket_id: TicketId
    changes: list[EventChange] = Field(max_length=200, description="Each field that differs, before and after.")
    replies: list[MacroReply] = Field(max_length=10)
    etag: str | None = Field(max_length=ETAG_LENGTH, description="The ticket's, after it; null with `ticket`.")
    ticket: TicketDetail | None = Field(
        description="As the caller sees it after the macro; null when it has left their sight."
    )
