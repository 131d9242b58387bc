"""Time by ticket and person; the rates are one row."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Date, ForeignKey, Index, Integer, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id


class TimeEntry(Base):
    """`seconds` is null while its timer runs. `cost` is in minor units of its currency, by the rate of its day."""

    __tablename__ = "time_entries"
    __table_args__ = (
        CheckConstraint("seconds IS NOT NULL OR started_at IS NOT NULL", name="running_since"),
        Index("ix_time_entries_ticket", "ticket_id", "created_at", "id"),
        Index("ix_time_entries_user", "user_id", "created_at", "id"),
        Index("uq_time_entries_running", "user_id", unique=True, postgresql_where=text("seconds IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    worked_on: Mapped[date] = mapped_column(Date)
    seconds: Mapped[int | None] = mapped_column(Integer)
    started_at: Mapped[datetime | None]
    note: Mapped[str | None]
    is_billable: Mapped[bool] = mapped_column(Boolean)
    hourly_rate: Mapped[int | None] = mapped_column(Integer)
    cost: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)


class TimeRates(Base):
    """By people before teams before the default; ids without prefix, in hex."""

    __tablename__ = "time_rates"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    currency: Mapped[str]
    default_rate: Mapped[int | None] = mapped_column(Integer)
    by_user: Mapped[dict[str, Any]] = mapped_column(JSONB)
    by_team: Mapped[dict[str, Any]] = mapped_column(JSONB)
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer)
