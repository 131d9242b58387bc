"""Mails that we send: written once per event, template and person, then delivered until somebody takes them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.notifications.enums import MailStatus, MailTemplate


class NotificationPreferences(Base):
    """What somebody does not want by mail; nobody's row says that they want all."""

    __tablename__ = "notification_preferences"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    unwanted: Mapped[list[str]] = mapped_column(ARRAY(Text))


class OutboundMail(Base):
    """`message_id` stays over all attempts. `secret_reference` names what the delivery fills in and nobody stores."""

    __tablename__ = "outbound_mails"
    __table_args__ = (
        UniqueConstraint("event_id", "template", "recipient_id"),
        Index("ix_outbound_mails_status", "status", "id"),
        Index("ix_outbound_mails_ticket", "ticket_id", "id"),
        Index("ix_outbound_mails_recipient", "recipient_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    template: Mapped[MailTemplate] = mapped_column(text_enum(MailTemplate))
    recipient_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    ticket_id: Mapped[UUID | None]
    to_name: Mapped[str]
    to_address: Mapped[str]
    message_id: Mapped[str] = mapped_column(unique=True)
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    secret_reference: Mapped[UUID | None]
    status: Mapped[MailStatus] = mapped_column(text_enum(MailStatus))
    attempts: Mapped[int] = mapped_column(Integer, server_default=sql("0"))
    next_attempt_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
