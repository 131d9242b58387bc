"""What a webhook keeps: who wants to know what, how its receiver fares, and each delivery with its attempts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.webhooks.enums import (
    CircuitState,
    DeliveryState,
    WebhookDisabledReason,
    WebhookPayload,
)


class Webhook(Base):
    """No event types means all. Locked before its `WebhookProgress`, and that before a delivery."""

    __tablename__ = "webhooks"
    __table_args__ = (Index("ix_webhooks_owner", "owner_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    url: Mapped[str]
    description: Mapped[str]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    conditions: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    payload: Mapped[WebhookPayload] = mapped_column(text_enum(WebhookPayload))
    is_ordered: Mapped[bool] = mapped_column(Boolean)
    is_active: Mapped[bool] = mapped_column(Boolean)
    disabled_reason: Mapped[WebhookDisabledReason | None] = mapped_column(text_enum(WebhookDisabledReason))
    circuit: Mapped[CircuitState] = mapped_column(text_enum(CircuitState))
    circuit_opened_at: Mapped[datetime | None]
    sealed_secret: Mapped[str]
    sealed_previous_secret: Mapped[str | None]
    previous_secret_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)


class WebhookProgress(Base):
    """What changes with each delivery: the last number that was given, and the failures since the last success."""

    __tablename__ = "webhook_progress"

    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True)
    last_number: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), default=0)
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"), default=0)
    failing_since: Mapped[datetime | None]
    probes: Mapped[int] = mapped_column(Integer, server_default=text("0"), default=0)
    next_probe_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """One event for one webhook; its id is the `webhook-id` of every attempt.

    While an attempt runs, `next_attempt_at` is when the lease of `leased_by` ends: a killed worker's deliveries are due
    again by themselves. `step` counts the attempts of the schedule, which `redeliver` begins anew.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "event_id"),
        UniqueConstraint("webhook_id", "number"),
        Index("ix_webhook_deliveries_state", "webhook_id", "state", "number"),
        Index("ix_webhook_deliveries_due", "webhook_id", "next_attempt_at", postgresql_where=text("state = 'pending'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[UUID]
    event_type: Mapped[str]
    is_test: Mapped[bool] = mapped_column(Boolean)
    trace_id: Mapped[str | None]
    state: Mapped[DeliveryState] = mapped_column(text_enum(DeliveryState))
    step: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"), default=0)
    attempt_count: Mapped[int] = mapped_column(Integer, server_default=text("0"), default=0)
    next_attempt_at: Mapped[datetime | None]
    leased_by: Mapped[UUID | None]
    last_status: Mapped[int | None] = mapped_column(SmallInteger)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]


class WebhookAttempt(Base):
    """One call: what was answered, or why nothing was."""

    __tablename__ = "webhook_attempts"

    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    started_at: Mapped[datetime]
    duration_ms: Mapped[int] = mapped_column(Integer)
    status: Mapped[int | None] = mapped_column(SmallInteger)
    error: Mapped[str | None]
    answer_head: Mapped[str | None]
