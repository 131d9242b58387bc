"""What a macro keeps: its steps and its conditions as they were sent."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.tickets.sharing import SharingScope


class Macro(Base):
    """What was left out of a step stays left out: a merge patch tells the difference."""

    __tablename__ = "macros"
    __table_args__ = (
        CheckConstraint("(scope = 'team') = (team_id IS NOT NULL)", name="team_of_team_macro"),
        Index("ix_macros_title", "title", "id"),
        Index("ix_macros_owner", "owner_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    title: Mapped[str]
    description: Mapped[str | None]
    scope: Mapped[SharingScope] = mapped_column(text_enum(SharingScope))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    conditions: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    steps: Mapped[list[Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)
