"""Facts about views; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class ViewEvent(DomainEvent):
    subject_type: ClassVar[str] = "view"


class ViewCreated(ViewEvent):
    """A question about tickets was saved."""

    type = "view.created"


class ViewUpdated(ViewEvent):
    """The question or its layout changed."""

    type = "view.updated"


class ViewDeleted(ViewEvent):
    """It is gone from everybody's list."""

    type = "view.deleted"
