"""Facts about views; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class ViewEvent(DomainEvent):
    subject_type: ClassVar[str] = "view"


class ViewCreated(ViewEvent):
    type = "view.created"


class ViewUpdated(ViewEvent):
    type = "view.updated"


class ViewDeleted(ViewEvent):
    type = "view.deleted"
