"""Facts about canned responses; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class CannedResponseEvent(DomainEvent):
    subject_type: ClassVar[str] = "canned_response"


class CannedResponseCreated(CannedResponseEvent):
    type = "canned_response.created"


class CannedResponseUpdated(CannedResponseEvent):
    type = "canned_response.updated"


class CannedResponseDeleted(CannedResponseEvent):
    type = "canned_response.deleted"
