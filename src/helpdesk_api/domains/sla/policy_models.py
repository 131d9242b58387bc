"""SLA policies and their versions: drafts are edited, what was published is kept."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.sla.enums import PolicyKind, VersionState

# Seeded by the migration: critical 1 h / 4 h, high 4 h / 8 h, medium 8 h / 24 h, low 24 h / 72 h.
STANDARD_POLICY = UUID("00000000-0000-7000-8000-000000000301")


class SlaPolicy(Base):
    """A policy through all its versions; the first in the order whose conditions hold is the one that counts."""

    __tablename__ = "sla_policies"
    __table_args__ = (
        Index("uq_sla_policies_name", text("lower(name)"), unique=True, postgresql_where=text("archived_at IS NULL")),
        CheckConstraint("(kind = 'ola') = (team_id IS NOT NULL)", name="ola_has_team"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    kind: Mapped[PolicyKind] = mapped_column(text_enum(PolicyKind))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    position: Mapped[int] = mapped_column(Integer)
    archived_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    # The highest of a version that was withdrawn: nobody shall take another for it.
    withdrawn_number: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SlaPolicyVersion(Base):
    """One version. `definition` is the body as it was sent, checked; `effective_from` is null for a draft."""

    __tablename__ = "sla_policy_versions"
    __table_args__ = (
        Index(
            "uq_sla_policy_versions_draft",
            "policy_id",
            unique=True,
            postgresql_where=text("state = 'draft'"),
        ),
        CheckConstraint("(state = 'published') = (effective_from IS NOT NULL)", name="published_has_instant"),
        Index("ix_sla_policy_versions_calendar", "calendar_id"),
    )

    policy_id: Mapped[UUID] = mapped_column(ForeignKey("sla_policies.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    state: Mapped[VersionState] = mapped_column(text_enum(VersionState))
    effective_from: Mapped[datetime | None]
    calendar_id: Mapped[UUID] = mapped_column(ForeignKey("calendars.id"))
    definition: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by_id: Mapped[UUID | None]
    published_by_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
