"""What a canned response keeps: its text as it was written."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.tickets.sharing import SharingScope


class CannedResponse(Base):
    """Without a category it is offered for every ticket."""

    __tablename__ = "canned_responses"
    __table_args__ = (
        CheckConstraint("(scope = 'team') = (team_id IS NOT NULL)", name="team_of_team_response"),
        Index("ix_canned_responses_title", "title", "id"),
        Index("ix_canned_responses_owner", "owner_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    title: Mapped[str]
    body: Mapped[str]
    scope: Mapped[SharingScope] = mapped_column(text_enum(SharingScope))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)
