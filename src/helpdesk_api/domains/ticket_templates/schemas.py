"""Bodies of the ticket template operations."""

from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints

from helpdesk_api.database.ids import CategoryId, TicketTemplateId
from helpdesk_api.domains.categories.enums import Impact, TicketType, Urgency
from helpdesk_api.domains.forms.enums import FormAudience
from helpdesk_api.domains.forms.schemas import CustomFields, CustomValue, FieldKey
from helpdesk_api.web.placeholders import MAX_SOURCE, Offered
from helpdesk_api.web.schemas import (
    NOT_BLANK,
    Flag,
    Instant,
    Name,
    OptionalText,
    Page,
    RequestModel,
    ResponseModel,
    ShortText,
    Tag,
    absent,
)

MAX_CHECKLIST: Final = 50
# What a template may name: whoever opens the ticket.
OPENER: Final[Offered] = {"current_user": frozenset({"name", "first_name"})}
_Description = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SOURCE, pattern=NOT_BLANK)]
_Tags = Annotated[list[Tag], Field(max_length=30)]


class TemplateFields(RequestModel):
    """What a new ticket begins with; subject and description may name `current_user.name` and `.first_name`."""

    subject: ShortText | None = None
    description: _Description | None = Field(default=None, description="Markdown.")
    type: TicketType | None = None
    category_id: CategoryId | None = Field(default=None, description="Its form asks what it always asks.")
    impact: Impact | None = None
    urgency: Urgency | None = None
    tags: _Tags | None = None
    custom_fields: CustomFields | None = None


class TemplateItem(RequestModel):
    """Something to be done for each such ticket."""

    title: ShortText
    is_required: Flag = Field(default=False, description="Before it is resolved; false when left out.")


Checklist = Annotated[list[TemplateItem], Field(max_length=MAX_CHECKLIST)]


class TicketTemplateCreate(RequestModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "New colleague",
                    "visible_to": "everybody",
                    "fields": {
                        "type": "service_request",
                        "subject": "A new colleague for {{ current_user.name }}",
                        "tags": ["onboarding"],
                    },
                    "checklist": [{"title": "Order the laptop", "is_required": True}],
                }
            ]
        }
    )

    name: Name
    description: OptionalText | None = Field(default=None, description="For whoever chooses among templates.")
    visible_to: FormAudience = Field(default=FormAudience.EVERYBODY, description="`everybody` when left out.")
    fields: TemplateFields
    checklist: Checklist = Field(default_factory=list, description="For the staff; requesters never see it.")


class TicketTemplateUpdate(RequestModel):
    """JSON merge patch (RFC 7396); `fields` and `checklist` are replaced as a whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"visible_to": "staff"}]})

    name: Name = absent()
    description: OptionalText | None = absent()
    visible_to: FormAudience = absent()
    fields: TemplateFields = absent()
    checklist: Checklist = absent()


class PrefilledFields(ResponseModel):
    """What a new ticket begins with; null is left to whoever opens it."""

    subject: str | None = Field(max_length=200)
    description: str | None = Field(max_length=MAX_SOURCE)
    type: TicketType | None
    category_id: CategoryId | None
    impact: Impact | None
    urgency: Urgency | None
    tags: _Tags | None
    custom_fields: dict[FieldKey, CustomValue | None] | None = Field(max_length=100)


class TicketTemplateRead(ResponseModel):
    """A prefilled ticket."""

    model_config = ConfigDict(title="TicketTemplate")

    id: TicketTemplateId
    name: str = Field(max_length=120)
    description: str | None = Field(max_length=500)
    visible_to: FormAudience
    fields: PrefilledFields
    checklist: Checklist | None = Field(description="Staff only.")
    created_at: Instant
    updated_at: Instant | None = Field(description="Staff only.")


class TicketTemplatePage(Page[TicketTemplateRead]):
    """The templates that the caller may use, by name."""
