"""What is known of a file; its bytes lie in the store under a key made of its id."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Computed, ForeignKey, Index, Integer, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.attachments.enums import AttachmentState
from helpdesk_api.outbox.events import Visibility


class Attachment(Base):
    """Of nothing until it is referred to, then of one ticket, and of one comment there if it came with one; or of an
    article. While a draft holds it, it is its uploader's, and theirs who work on `draft_ticket_id` once it is shared.
    """

    __tablename__ = "attachments"
    __table_args__ = (
        Index("ix_attachments_ticket", "ticket_id", "created_at", "id", postgresql_where=text("ticket_id IS NOT NULL")),
        Index(
            "ix_attachments_merged_from",
            "merged_from_id",
            "created_at",
            "id",
            postgresql_where=text("merged_from_id IS NOT NULL"),
        ),
        Index("ix_attachments_comment", "comment_id", "id", postgresql_where=text("comment_id IS NOT NULL")),
        Index("ix_attachments_draft", "draft_id", "id", postgresql_where=text("draft_id IS NOT NULL")),
        Index(
            "ix_attachments_article", "article_id", "created_at", "id", postgresql_where=text("article_id IS NOT NULL")
        ),
        Index(
            "ix_attachments_unreferenced",
            "uploader_id",
            "created_at",
            postgresql_where=text("ticket_id IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    uploader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))
    # As with comments: where it was added, when that ticket was merged.
    merged_from_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))
    comment_id: Mapped[UUID | None] = mapped_column(ForeignKey("comments.id"))
    draft_id: Mapped[UUID | None] = mapped_column(ForeignKey("drafts.id"))
    draft_ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))
    article_id: Mapped[UUID | None] = mapped_column(ForeignKey("articles.id"))
    # Its comment's, which never changes; public for what belongs to the ticket itself.
    visibility: Mapped[Visibility] = mapped_column(text_enum(Visibility))
    name: Mapped[str]
    content_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    state: Mapped[AttachmentState] = mapped_column(text_enum(AttachmentState))
    signature: Mapped[str | None]
    has_thumbnail: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    created_at: Mapped[datetime]
    referenced_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


# Outside the mapping, as the tickets' own. A name is words with dots and dashes between them.
SEARCH = Column(
    "search", TSVECTOR, Computed("to_tsvector('simple', translate(name, '._-', '   '))", persisted=True), nullable=False
)
Attachment.__table__.append_column(SEARCH)  # type: ignore[attr-defined]
Index("ix_attachments_search", SEARCH, postgresql_using="gin")
