"""Integrations, the alerts that came through them, and storms of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.alerts.enums import AlertGrouping, AlertKind, AlertSeverity, AlertState, ResolveEffect
from helpdesk_api.outbox.events import Visibility


class AlertIntegration(Base):
    """One sender. `user_id` is the service account that its tickets belong to; keys are kept as SHA-256 only."""

    __tablename__ = "alert_integrations"
    __table_args__ = (
        UniqueConstraint("key_hash"),
        UniqueConstraint("previous_key_hash"),
        CheckConstraint("(previous_key_hash IS NULL) = (previous_key_expires_at IS NULL)", name="previous_key_ends"),
        Index("ix_alert_integrations_created", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    kind: Mapped[AlertKind] = mapped_column(text_enum(AlertKind))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    is_active: Mapped[bool] = mapped_column(Boolean)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    key_hint: Mapped[str]
    previous_key_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_key_expires_at: Mapped[datetime | None]
    # Sealed, since a signature is checked with the secret itself.
    signing_secret: Mapped[str | None]
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    asset_labels: Mapped[list[str]] = mapped_column(JSONB)
    mapping: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    on_resolve: Mapped[ResolveEffect] = mapped_column(text_enum(ResolveEffect))
    note_visibility: Mapped[Visibility] = mapped_column(text_enum(Visibility))
    grouping: Mapped[AlertGrouping] = mapped_column(text_enum(AlertGrouping))
    flap_window_seconds: Mapped[int] = mapped_column(Integer)
    storm_limit: Mapped[int | None] = mapped_column(Integer)
    storm_window_seconds: Mapped[int] = mapped_column(Integer)
    storm_label: Mapped[str | None]
    confirms_subscriptions: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)


class Alert(Base):
    """One disturbance from its trigger to its end. At most one that is not resolved for each integration and key."""

    __tablename__ = "alerts"
    __table_args__ = (
        # The arbiter of every trigger: two senders at once meet here, and nowhere else.
        Index(
            "uq_alerts_unresolved",
            "integration_id",
            "dedup_key",
            unique=True,
            postgresql_where=text("state <> 'resolved'"),
        ),
        Index("ix_alerts_key", "integration_id", "dedup_key", "resolved_at"),
        # How many were new of late, of one integration and one value of its storm label.
        Index("ix_alerts_rate", "integration_id", "storm_value", "first_seen_at"),
        Index("ix_alerts_ticket", "ticket_id", "first_seen_at", "id"),
        Index("ix_alerts_seen", "first_seen_at", "id"),
        Index("ix_alerts_integration_seen", "integration_id", "first_seen_at", "id"),
        Index("ix_alerts_present", "first_seen_at", "id", postgresql_where=text("state <> 'resolved'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    integration_id: Mapped[UUID] = mapped_column(ForeignKey("alert_integrations.id"))
    dedup_key: Mapped[str]
    state: Mapped[AlertState] = mapped_column(text_enum(AlertState))
    severity: Mapped[AlertSeverity | None] = mapped_column(text_enum(AlertSeverity))
    summary: Mapped[str]
    source: Mapped[str | None]
    labels: Mapped[dict[str, str]] = mapped_column(JSONB)
    annotations: Mapped[dict[str, str]] = mapped_column(JSONB)
    storm_value: Mapped[str]
    count: Mapped[int] = mapped_column(Integer)
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))
    # Attached to the incident of a storm instead of having a ticket of its own.
    in_storm: Mapped[bool] = mapped_column(Boolean)
    started_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    resolved_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)


class AlertStorm(Base):
    """The incident that a storm's alerts attach to; one at a time for each integration and value of its label."""

    __tablename__ = "alert_storms"
    __table_args__ = (
        Index(
            "uq_alert_storms_present",
            "integration_id",
            "storm_value",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    integration_id: Mapped[UUID] = mapped_column(ForeignKey("alert_integrations.id"))
    storm_value: Mapped[str]
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
