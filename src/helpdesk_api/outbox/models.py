"""The one event log: history, audit, notifications, webhooks, streams and exports read these rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.types import text_enum
from helpdesk_api.database.writes import Rows
from helpdesk_api.outbox.events import Visibility


class EventRow(Base):
    """One committed fact. `position` orders one ticket's events (its row was locked); `sequence` is commit order."""

    __tablename__ = "events"
    __table_args__ = (
        Index(
            "ix_events_unnumbered",
            "position",
            postgresql_where=text("sequence IS NULL"),
        ),
        Index("ix_events_ticket", "ticket_id", "position"),
        # Each index costs every write; these two are of use, and so filled, only when the relay has numbered the event.
        Index("uq_events_numbered", "sequence", unique=True, postgresql_where=text("sequence IS NOT NULL")),
        Index("ix_events_of_type", "type", "sequence", postgresql_where=text("sequence IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    type: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[UUID]
    ticket_id: Mapped[UUID | None]
    occurred_at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    visibility: Mapped[Visibility] = mapped_column(text_enum(Visibility))
    changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    internal_changes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    internal_data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    cause_event_id: Mapped[UUID | None]
    cause_rule: Mapped[str | None]
    cause_depth: Mapped[int] = mapped_column(SmallInteger)
    trace_id: Mapped[str | None]


@dataclass(slots=True, eq=False)
class NewEvent:
    """An event of an open transaction, as its row will say it."""

    id: UUID
    type: str
    subject_type: str
    subject_id: UUID
    ticket_id: UUID | None
    occurred_at: datetime
    actor_kind: str
    actor_id: UUID | None
    visibility: Visibility
    changes: dict[str, Any]
    internal_changes: dict[str, Any]
    data: dict[str, Any]
    internal_data: dict[str, Any]
    cause_event_id: UUID | None
    cause_rule: str | None
    cause_depth: int
    trace_id: str | None


NEW_EVENTS = Rows(NewEvent, EventRow)


class OutboxState(Base):
    """The relay's single row: the last sequence it gave."""

    __tablename__ = "outbox_state"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    last_sequence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
