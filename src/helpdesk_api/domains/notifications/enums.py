"""The words of the mails that we send."""

from enum import StrEnum


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


# Whoever asked for them cannot go on without.
NEEDED = frozenset({MailTemplate.PASSWORD_RESET, MailTemplate.INVITATION})
