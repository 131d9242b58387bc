"""What the last 90 days say, so that nobody counts them while a page waits."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, Interval
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.categories.enums import Priority, TicketType


class ResolutionTimes(Base):
    """From opening to resolution, elapsed, by kind of ticket; without a category it is of all of them."""

    __tablename__ = "resolution_times"
    __table_args__ = (
        Index(
            "uq_resolution_times_kind",
            "type",
            "priority",
            "category_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    type: Mapped[TicketType] = mapped_column(text_enum(TicketType))
    priority: Mapped[Priority] = mapped_column(text_enum(Priority))
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    ticket_count: Mapped[int] = mapped_column(Integer)
    half: Mapped[timedelta] = mapped_column(Interval)
    most: Mapped[timedelta] = mapped_column(Interval)
    measured_at: Mapped[datetime]
