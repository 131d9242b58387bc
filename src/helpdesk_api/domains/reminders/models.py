"""What is to be remembered, by whom, and when."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id


class Reminder(Base):
    """`reminded_at` is null until it has been told."""

    __tablename__ = "reminders"
    __table_args__ = (
        Index("ix_reminders_due", "remind_at", postgresql_where=text("reminded_at IS NULL")),
        Index("ix_reminders_user", "user_id", "remind_at", "id"),
        Index("ix_reminders_ticket", "ticket_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    remind_at: Mapped[datetime]
    note: Mapped[str | None]
    reminded_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)
