"""What is kept of a reply until it is sent."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, ForeignKey, Index, Integer, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.outbox.events import Visibility


class Draft(Base):
    """`visibility` is the comment's; a shared one is open to all who work on the ticket."""

    __tablename__ = "drafts"
    __table_args__ = (Index("ix_drafts_ticket", "ticket_id", "updated_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    body: Mapped[str]
    visibility: Mapped[Visibility] = mapped_column(text_enum(Visibility))
    mention_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'"))
    is_shared: Mapped[bool] = mapped_column(Boolean)
    edited_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)
