"""Who works together."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, ForeignKey, Index, Integer, func, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id


class Team(Base):
    """With `auto_assign` a new ticket goes to the free member with the least open load."""

    __tablename__ = "teams"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    description: Mapped[str | None]
    email: Mapped[str | None]
    auto_assign: Mapped[bool] = mapped_column(Boolean, server_default=text("true"), default=True)
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)


Index("uq_teams_name", func.lower(Team.name), unique=True)


class TeamMember(Base):
    """A lead is a member with a say."""

    __tablename__ = "team_members"
    __table_args__ = (Index("ix_team_members_user", "user_id"),)

    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    is_lead: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
