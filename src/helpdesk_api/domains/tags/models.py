"""What a rename keeps: how far it has come."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, CheckConstraint, ForeignKey, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.tags.enums import TagRenameStatus


class TagRename(Base):
    """One at a time: `is_active` is true until it has ended, then null, and no two are true."""

    __tablename__ = "tag_renames"
    __table_args__ = (
        CheckConstraint("is_active", name="active_or_null"),
        Index("uq_tag_renames_active", "is_active", unique=True),
        Index("ix_tag_renames_created", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    new_name: Mapped[str]
    created_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    status: Mapped[TagRenameStatus] = mapped_column(text_enum(TagRenameStatus))
    is_active: Mapped[bool | None] = mapped_column(Boolean)
    problem_code: Mapped[str | None]
    total: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)
