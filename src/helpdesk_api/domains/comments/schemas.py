"""Bodies of the comment operations."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import CommentId, TicketId, UserId
from helpdesk_api.domains.attachments.schemas import AttachmentSummary
from helpdesk_api.domains.categories.enums import Channel
from helpdesk_api.domains.comments.enums import CommentAction, CommentRefusal
from helpdesk_api.domains.tickets.schemas import MAX_ATTACHMENTS, AttachmentIds, LanguageCode, TicketDetail
from helpdesk_api.domains.users.schemas import UserSummary
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.web.preconditions import ETAG_LENGTH
from helpdesk_api.web.schemas import (
    Instant,
    LongText,
    Page,
    RequestModel,
    ResponseModel,
)


class CommentCreate(RequestModel):
    """A requester's public reply resumes a pending ticket, reopens a resolved one, and follows up a closed one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"body": "Could you try the **new** profile?", "visibility": "public"}]}
    )

    body: LongText = Field(description="Markdown.")
    visibility: Visibility = Field(
        default=Visibility.PUBLIC,
        description="`public` when left out; internal: staff only.",
    )
    channel: Channel = Field(default=Channel.API, description="`api` when left out.")
    attachment_ids: AttachmentIds = Field(
        default_factory=list,
        description="The caller's own uploads that nothing refers to yet; `![…](attachment:<id>)` in `body` shows one.",
    )
    mention_ids: Annotated[list[UserId], Field(max_length=20)] = Field(
        default_factory=list,
        description="People to notify; each becomes a watcher and must be able to read it.",
    )


class CommentUpdate(RequestModel):
    """By the author, inside the edit window; the earlier text is kept for the staff."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"body": "Could you try the **new** VPN profile?"}]})

    body: LongText = Field(description="Markdown.")


class CommentAllowedAction(ResponseModel):
    """One thing that the caller may or may not do with a comment now, and why not."""

    action: CommentAction
    allowed: bool
    reason_code: CommentRefusal | None = Field(description="Null when it is allowed.")
    required_fields: list[str] = Field(max_length=10, description="What its body must hold.")


class CommentRead(ResponseModel):
    """One comment; its author is shown by name, so that no second call is needed."""

    model_config = ConfigDict(title="Comment")

    id: CommentId
    ticket_id: TicketId
    author: UserSummary
    visibility: Visibility
    channel: Channel
    body: str = Field(max_length=65_536)
    body_html: str = Field(max_length=1_000_000)
    language: LanguageCode | None = Field(
        description="Of what was written, ISO 639-1; null where that is too little, or nothing here can tell."
    )
    mention_ids: list[UserId] = Field(max_length=20)
    attachments: list[AttachmentSummary] = Field(max_length=MAX_ATTACHMENTS)
    created_at: Instant
    edited_at: Instant | None
    editable_until: Instant | None = Field(
        description="For its author, while it can be edited; null on a merged ticket."
    )
    allowed_actions: list[CommentAllowedAction] = Field(max_length=10)


class CommentReceipt(CommentRead):
    """A written comment; `ticket_id` is the follow-up's when the ticket was closed."""

    model_config = ConfigDict(title="CommentReceipt")

    follow_up: TicketDetail | None = Field(
        description="The linked ticket that a requester's reply to a closed ticket opened."
    )


class CommentPage(Page[CommentRead]):
    """One page of comments that the caller may read, and the ticket itself where it was asked for."""

    ticket: TicketDetail | None = Field(description="With `with_ticket=true`; else null.")
    ticket_etag: str | None = Field(max_length=ETAG_LENGTH, description="For `If-Match`; null without the ticket.")


class CommentRevisionRead(ResponseModel):
    """A text that was replaced."""

    model_config = ConfigDict(title="CommentRevision")

    version: int = Field(ge=1)
    body: str = Field(max_length=65_536)
    replaced_at: Instant


class CommentRevisionPage(Page[CommentRevisionRead]):
    """Earlier texts, oldest first; staff only."""
