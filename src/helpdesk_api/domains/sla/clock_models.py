"""A ticket's clocks. The event log is the truth; these rows are what it comes to, so that a timer can find them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Integer, Interval, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.sla.clock_state import DerivedClock
from helpdesk_api.domains.sla.enums import ClockState, Metric, PolicyKind


@dataclass(slots=True, kw_only=True, eq=False)
class StoredClock(DerivedClock):
    """A clock that has a row, or will have one when its transaction commits."""

    id: UUID
    ticket_id: UUID


class SlaClock(Base):
    """One metric of one ticket in one cycle. `used` is working time and `used_calendar` elapsed time, pauses left
    out, both up to `counted_at`; a running clock's next step is at `next_timer_at`."""

    __tablename__ = "sla_clocks"
    __table_args__ = (
        UniqueConstraint("ticket_id", "kind", "metric", "cycle"),
        CheckConstraint("(state IN ('running', 'paused')) = (ended_at IS NULL)", name="ended_has_instant"),
        CheckConstraint("(state = 'paused') = (paused_at IS NOT NULL)", name="paused_has_instant"),
        # The timers' only question: what is due next?
        Index("ix_sla_clocks_timer", "next_timer_at", postgresql_where=text("next_timer_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    kind: Mapped[PolicyKind] = mapped_column(text_enum(PolicyKind))
    metric: Mapped[Metric] = mapped_column(text_enum(Metric))
    cycle: Mapped[int] = mapped_column(Integer)
    # Neither of the two is ever deleted, and a reference would lock a row that all new clocks share.
    policy_id: Mapped[UUID]
    policy_number: Mapped[int] = mapped_column(Integer)
    calendar_id: Mapped[UUID]
    target: Mapped[timedelta] = mapped_column(Interval)
    state: Mapped[ClockState] = mapped_column(text_enum(ClockState))
    started_at: Mapped[datetime]
    counted_at: Mapped[datetime]
    used: Mapped[timedelta] = mapped_column(Interval)
    used_calendar: Mapped[timedelta] = mapped_column(Interval)
    paused_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    manual_due_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    fired: Mapped[list[str]] = mapped_column(ARRAY(Text))
    next_timer_at: Mapped[datetime | None]
