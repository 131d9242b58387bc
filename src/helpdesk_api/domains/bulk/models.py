"""Many changes that are made little by little: what to do, to which tickets, and what became of each."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.bulk.enums import BulkJobStatus


class BulkJob(Base):
    """`scopes` are those that its author had when they asked; what they have lost since does not come back."""

    __tablename__ = "bulk_jobs"
    __table_args__ = (Index("ix_bulk_jobs_author", "created_by_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    created_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    steps: Mapped[list[Any]] = mapped_column(JSONB)
    status: Mapped[BulkJobStatus] = mapped_column(text_enum(BulkJobStatus))
    problem_code: Mapped[str | None]
    total: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer)
    failed: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)


class BulkJobItem(Base):
    """One ticket of a job, by the name that was given; `status` is null until its turn has come."""

    __tablename__ = "bulk_job_items"
    __table_args__ = (Index("ix_bulk_job_items_ahead", "job_id", "position", postgresql_where=text("status IS NULL")),)

    job_id: Mapped[UUID] = mapped_column(ForeignKey("bulk_jobs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    ticket_key: Mapped[str]
    status: Mapped[int | None] = mapped_column(SmallInteger)
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
