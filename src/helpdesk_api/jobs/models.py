"""When each scheduled job is next due: one row per name, so that many workers tick once."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base


class ScheduledTick(Base):
    __tablename__ = "scheduled_ticks"

    name: Mapped[str] = mapped_column(primary_key=True)
    next_run_at: Mapped[datetime]
