"""Calendars and their versions. A version in force is never changed: what was counted under it stays counted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ForeignKey, Index, Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id

# Seeded by the migration, so that a policy always has hours to count in.
AROUND_THE_CLOCK = UUID("00000000-0000-7000-8000-000000000247")


class Calendar(Base):
    """Opening hours under one name, through all their versions."""

    __tablename__ = "calendars"
    __table_args__ = (
        Index(
            "uq_calendars_name",
            text("lower(name)"),
            unique=True,
            postgresql_where=text("archived_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    is_builtin: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    archived_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    # The highest of a version that was withdrawn: nobody shall take another for it.
    withdrawn_number: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CalendarVersion(Base):
    """One version, in force from an instant until the next one's. `holidays` are the library's answer when it was
    made, so that a newer release of it changes nothing that was promised."""

    __tablename__ = "calendar_versions"
    __table_args__ = (Index("uq_calendar_versions_effective_from", "calendar_id", "effective_from", unique=True),)

    calendar_id: Mapped[UUID] = mapped_column(ForeignKey("calendars.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    effective_from: Mapped[datetime]
    time_zone: Mapped[str]
    weekly_hours: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    holiday_regions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    holidays: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    days: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    created_by_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
