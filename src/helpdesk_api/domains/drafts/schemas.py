"""Bodies of the draft operations."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import DraftId, TicketId, UserId
from helpdesk_api.domains.attachments.schemas import AttachmentSummary
from helpdesk_api.domains.tickets.schemas import MAX_ATTACHMENTS, AttachmentIds
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.web.schemas import Flag, Instant, LongText, Page, RequestModel, ResponseModel, absent

Mentions = Annotated[list[UserId], Field(max_length=20)]


class DraftCreate(RequestModel):
    """A comment to be."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"body": "Could you try …", "is_shared": True}]})

    body: LongText = Field(description="Markdown.")
    visibility: Visibility = Field(default=Visibility.PUBLIC, description="Of the comment; `public` when left out.")
    mention_ids: Mentions = Field(default_factory=list, description="Looked at when it is sent.")
    attachment_ids: AttachmentIds = Field(
        default_factory=list,
        description="The caller's own uploads that nothing refers to yet; they are sent with it.",
    )
    is_shared: Flag = Field(default=False, description="Open to all who work on the ticket; false when left out.")


class DraftUpdate(RequestModel):
    """JSON merge patch (RFC 7396)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"body": "Could you try the **new** profile?"}]})

    body: LongText = absent()
    visibility: Visibility = absent()
    mention_ids: Mentions = absent()
    attachment_ids: AttachmentIds = absent("All of them: what it holds already, and the caller's own uploads.")
    is_shared: Flag = absent()


class DraftRead(ResponseModel):
    """A reply that is not sent yet."""

    model_config = ConfigDict(title="Draft", from_attributes=True)

    id: DraftId
    ticket_id: TicketId
    author_id: UserId
    body: str = Field(max_length=65_536)
    visibility: Visibility
    mention_ids: Mentions
    attachments: list[AttachmentSummary] = Field(max_length=MAX_ATTACHMENTS)
    is_shared: bool
    edited_by_id: UserId = Field(description="Who wrote last.")
    created_at: Instant
    updated_at: Instant


class DraftPage(Page[DraftRead]):
    """The caller's own and the shared ones, newest first; at most 50."""
