"""What a view keeps: the question, and how its answer is laid out."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.views.enums import ViewGrouping, ViewScope


class View(Base):
    """`conditions` as they were sent, so that `me` and `-7d` mean whoever asks, whenever they ask."""

    __tablename__ = "views"
    __table_args__ = (
        CheckConstraint("(scope = 'team') = (team_id IS NOT NULL)", name="team_of_team_view"),
        Index("ix_views_owner", "owner_id"),
        Index("ix_views_team", "team_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    scope: Mapped[ViewScope] = mapped_column(text_enum(ViewScope))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    conditions: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    query: Mapped[str | None]
    sort: Mapped[str | None]
    columns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    group_by: Mapped[ViewGrouping | None] = mapped_column(text_enum(ViewGrouping))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)
