"""The facts of learning; all internal to the staff. What a guess did to a ticket is part of the ticket's own event."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class ClassificationModelActivated(DomainEvent):
    """A model that is better on tickets that no training saw took over. `internal_details.number`."""

    type = "classification.model_activated"
    subject_type: ClassVar[str] = "classification"


class ClassificationSettingsChanged(DomainEvent):
    """From which confidence on a field is decided."""

    type = "classification.settings_changed"
    subject_type: ClassVar[str] = "classification"
