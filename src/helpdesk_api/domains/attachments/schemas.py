"""Bodies of the attachment operations."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import ArticleId, AttachmentId, CommentId, TicketId
from helpdesk_api.domains.attachments.enums import AttachmentAction, AttachmentRefusal, AttachmentState
from helpdesk_api.domains.tickets.schemas import MAX_ATTACHMENTS
from helpdesk_api.domains.users.schemas import UserSummary
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.web.schemas import Instant, Page, RequestModel, ResponseModel

_NAME = Field(max_length=255, description="As uploaded, without what could deceive.", examples=["screenshot.png"])
_TYPE = Field(
    max_length=100,
    pattern=r"^[a-z]+/[a-z0-9.+-]+$",
    description="As found in the content, whatever the upload said.",
    examples=["image/png"],
)
_LINK_PATTERN = r"^/v1/files/[A-Za-z0-9_-]+$"


class AttachmentSummary(ResponseModel):
    """A file as what it belongs to shows it."""

    id: AttachmentId
    name: str = _NAME
    content_type: str = _TYPE
    size_bytes: int = Field(ge=0)
    state: AttachmentState


class AllowedAttachmentAction(ResponseModel):
    """One thing that the caller may or may not do with it now, and why not."""

    action: AttachmentAction
    allowed: bool
    reason_code: AttachmentRefusal | None = Field(description="Null when it is allowed.")
    required_fields: list[str] = Field(max_length=10, description="What its body must hold.")


class AttachmentRead(AttachmentSummary):
    """One file. It belongs to nothing until a comment, a ticket or an article refers to it."""

    model_config = ConfigDict(title="Attachment")

    ticket_id: TicketId | None
    comment_id: CommentId | None = Field(description="Null for a file of the ticket itself.")
    article_id: ArticleId | None
    visibility: Visibility
    uploader: UserSummary
    sha256: str = Field(max_length=64, pattern=r"^[0-9a-f]{64}$", examples=["9f86d081" * 8])
    has_thumbnail: bool
    created_at: Instant
    allowed_actions: list[AllowedAttachmentAction] = Field(max_length=5)


class AttachmentListed(AttachmentRead):
    """One file of a list, with `links=true` as a browser can show it."""

    model_config = ConfigDict(title="AttachmentListed")

    download_url: str | None = Field(
        max_length=500,
        pattern=_LINK_PATTERN,
        description="Needs no signing in; null without `links=true`, and for what is not available.",
        examples=["/v1/files/q83vEjRW"],
    )
    thumbnail_url: str | None = Field(
        max_length=500,
        pattern=_LINK_PATTERN,
        description="The same for the small picture; null where there is none.",
        examples=["/v1/files/q83vEjRX"],
    )
    links_expire_at: Instant | None = Field(description="When both end; null where there are none.")


class AttachmentPage(Page[AttachmentListed]):
    """One page of attachments that the caller may see."""


class FileLinkRead(ResponseModel):
    """Where the file can be had for a short time, without signing in."""

    model_config = ConfigDict(title="FileLink")

    url: str = Field(max_length=500, pattern=_LINK_PATTERN, examples=["/v1/files/q83vEjRW"])
    expires_at: Instant


class ArticleAttach(RequestModel):
    """Up to 20 at once; an article has at most 50."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"attachment_ids": ["att_" + "0190a6f3e1d87c3a" * 2]}]})

    attachment_ids: Annotated[list[AttachmentId], Field(min_length=1, max_length=MAX_ATTACHMENTS)] = Field(
        description="Own uploads that nothing refers to yet; `![…](attachment:<id>)` in the article's body shows one."
    )


class PublicFilePage(Page[AttachmentSummary]):
    """The files of a public article."""
