"""Mails as operators see them: where they went and how they fared, not what they say."""

from typing import Annotated, get_args

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import EventId, MailId, TicketId, UserId
from helpdesk_api.domains.notifications.enums import MailStatus, MailTemplate, OptionalMail
from helpdesk_api.web.schemas import Instant, Page, RequestModel, ResponseModel


class MailMessage(ResponseModel):
    """One mail to one person; its `message_id` is the same on every attempt."""

    id: MailId
    message_id: str = Field(max_length=320, examples=["<mai_0190a6f3e1d87c3aa1b2c3d4e5f60718@example.com>"])
    template: MailTemplate
    status: MailStatus
    recipient_id: UserId
    to_address: str = Field(max_length=320, examples=["rita@example.com"])
    subject: str = Field(max_length=300)
    ticket_id: TicketId | None
    event_id: EventId
    attempts: int = Field(ge=0)
    next_attempt_at: Instant | None
    last_error: str | None = Field(max_length=1_000, description="What the mail server said last.")
    created_at: Instant
    sent_at: Instant | None


_Unwanted = Annotated[
    list[OptionalMail],
    Field(
        max_length=len(get_args(OptionalMail)),
        description="Mails that are not wanted; all others are sent. `password_reset` and `invitation` always are.",
        examples=[["replied", "closed"]],
    ),
]


class NotificationPreferencesUpdate(RequestModel):
    """All of them, in the place of those before."""

    unwanted: _Unwanted


class NotificationPreferencesRead(ResponseModel):
    """What somebody does not want by mail."""

    model_config = ConfigDict(title="NotificationPreferences")

    unwanted: list[OptionalMail] = Field(
        max_length=len(get_args(OptionalMail)), description="Mails that are not wanted; empty when all are."
    )


class MailMessagePage(Page[MailMessage]):
    """One page of mails, the newest first."""
