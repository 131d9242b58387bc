"""Mails as operators see them: where they went and how they fared, not what they say."""

from pydantic import Field

from helpdesk_api.database.ids import EventId, MailId, TicketId, UserId
from helpdesk_api.domains.notifications.enums import MailStatus, MailTemplate
from helpdesk_api.web.schemas import Instant, Page, ResponseModel


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


class MailMessagePage(Page[MailMessage]):
    """One page of mails, the newest first."""
