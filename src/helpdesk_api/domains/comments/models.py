"""What people say on a ticket. A text lives here alone, so that removing one removes it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Computed, ForeignKey, Index, Integer, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.text_search import PARSED, week_of
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.categories.enums import Channel
from helpdesk_api.outbox.events import Visibility


class Comment(Base):
    """A public reply or an internal note."""

    __tablename__ = "comments"
    __table_args__ = (
        Index("ix_comments_ticket_created", "ticket_id", "created_at", "id"),
        Index(
            "ix_comments_merged_from",
            "merged_from_id",
            "created_at",
            "id",
            postgresql_where=text("merged_from_id IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    # By which a search puts its matches in order before it looks up their tickets; null where an earlier release wrote.
    ticket_created_at: Mapped[datetime | None]
    # Where it was said, when that ticket was merged: whoever sees only that one still reads it there.
    merged_from_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    visibility: Mapped[Visibility] = mapped_column(text_enum(Visibility))
    channel: Mapped[Channel] = mapped_column(text_enum(Channel))
    body: Mapped[str]
    body_html: Mapped[str]
    # By ISO 639-1; null where too little was written, or nothing can tell.
    language: Mapped[str | None]
    created_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


# Outside the mapping, as the tickets' own: nobody reads the vector.
SEARCH = Column(
    "search", TSVECTOR, Computed(f"to_tsvector('simple', {PARSED.format('body')})", persisted=True), nullable=False
)
Comment.__table__.append_column(SEARCH)  # type: ignore[attr-defined]
Index(
    "ix_comments_search_by_weeks",
    SEARCH,
    week_of(Comment.__table__.c.ticket_created_at),
    postgresql_using="gin",
    postgresql_with={"gin_pending_list_limit": 256},
)


class CommentRevision(Base):
    """An earlier text of an edited comment."""

    __tablename__ = "comment_revisions"

    comment_id: Mapped[UUID] = mapped_column(ForeignKey("comments.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    body: Mapped[str]
    replaced_at: Mapped[datetime]


class CommentMention(Base):
    """Somebody named in a comment; only who may read it can be."""

    __tablename__ = "comment_mentions"

    comment_id: Mapped[UUID] = mapped_column(ForeignKey("comments.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
