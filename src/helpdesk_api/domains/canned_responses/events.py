"""Facts about canned responses; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class CannedResponseEvent(DomainEvent):
    subject_type: ClassVar[str] = "canned_response"


class CannedResponseCreated(CannedResponseEvent):
    """A text for replies was saved."""

    type = "canned_response.created"


class CannedResponseUpdated(CannedResponseEvent):
    """The text, or who may use it, changed."""

    type = "canned_response.updated"


class CannedResponseDeleted(CannedResponseEvent):
    """It is gone from everybody's list."""

    type = "canned_response.deleted"
