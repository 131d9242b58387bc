"""Bodies of the canned response operations."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from helpdesk_api.database.ids import CannedResponseId, CategoryId, TeamId, TicketId, UserId
from helpdesk_api.domains.tickets.queries import TicketKeyText
from helpdesk_api.domains.tickets.sharing import Allowances, SharingScope
from helpdesk_api.web.placeholders import MAX_OUTPUT, MAX_SOURCE
from helpdesk_api.web.schemas import NOT_BLANK, Instant, Name, Page, RequestModel, ResponseModel, absent

TemplateText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SOURCE, pattern=NOT_BLANK)]
_BODY = (
    "Markdown with placeholders such as `{{ requester.first_name }}`: of `ticket`, `requester` and `current_user`, "
    "public fields alone. Of Liquid, `if`, `unless`, `case`, `for` and `assign` are there."
)
_CATEGORY = "Offered for tickets of this category alone; for all when left out."


class CannedResponseCreate(RequestModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "New VPN profile",
                    "body": "Hello {{ requester.first_name }},\n\nplease try the **new** profile.",
                    "scope": "personal",
                }
            ]
        }
    )

    title: Name
    body: TemplateText = Field(description=_BODY)
    scope: SharingScope
    team_id: TeamId | None = Field(default=None, description="Whose it is, for the scope `team`.")
    category_id: CategoryId | None = Field(default=None, description=_CATEGORY)


class CannedResponseUpdate(RequestModel):
    """JSON merge patch (RFC 7396); the scope stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "VPN profile of 2027"}]})

    title: Name = absent()
    body: TemplateText = absent()
    category_id: CategoryId | None = absent()


class CannedResponseRead(ResponseModel):
    """A text with placeholders."""

    model_config = ConfigDict(title="CannedResponse")

    id: CannedResponseId
    title: str = Field(max_length=120)
    body: str = Field(max_length=MAX_SOURCE)
    scope: SharingScope
    owner_id: UserId
    team_id: TeamId | None
    category_id: CategoryId | None
    created_at: Instant
    updated_at: Instant
    allowed_actions: Allowances


class CannedResponsePage(Page[CannedResponseRead]):
    """The caller's canned responses by title."""


class TextRender(RequestModel):
    """For which ticket; the placeholders are filled with what the caller may see of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ticket_id": "INC-1042"}]})

    ticket_id: TicketKeyText


class RenderedText(ResponseModel):
    """A text as it would be said."""

    ticket_id: TicketId
    body: str = Field(max_length=MAX_OUTPUT, description="Markdown.")
    body_html: str = Field(max_length=1_000_000)
