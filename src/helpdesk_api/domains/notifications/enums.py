"""The words of the mails that we send."""

from enum import StrEnum
from typing import Literal, get_args


class MailStatus(StrEnum):
    """`failed` waits for its next attempt, `dead` waits for a person."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    DEAD = "dead"


class MailTemplate(StrEnum):
    """What a mail says; treat an unknown value as `other`."""

    RECEIVED = "received"
    IN_GOOD_HANDS = "in_good_hands"
    ASSIGNED = "assigned"
    REPLIED = "replied"
    REQUESTER_REPLIED = "requester_replied"
    MENTIONED = "mentioned"
    SHARED = "shared"
    REMINDER = "reminder"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    SERVICE_LEVEL = "service_level"
    ARTICLE_REVIEW = "article_review"
    WEBHOOK_FAILING = "webhook_failing"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a template's name
    INVITATION = "invitation"


# What somebody can do without. Whoever asked for the others cannot go on without them.
OptionalMail = Literal[
    MailTemplate.RECEIVED,
    MailTemplate.IN_GOOD_HANDS,
    MailTemplate.ASSIGNED,
    MailTemplate.REPLIED,
    MailTemplate.REQUESTER_REPLIED,
    MailTemplate.MENTIONED,
    MailTemplate.SHARED,
    MailTemplate.REMINDER,
    MailTemplate.RESOLVED,
    MailTemplate.REOPENED,
    MailTemplate.CLOSED,
    MailTemplate.CANCELLED,
    MailTemplate.SERVICE_LEVEL,
    MailTemplate.ARTICLE_REVIEW,
    MailTemplate.WEBHOOK_FAILING,
]
NEEDED = frozenset(MailTemplate) - frozenset(get_args(OptionalMail))
