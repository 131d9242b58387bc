"""Facts about forms; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class FormEvent(DomainEvent):
    subject_type: ClassVar[str] = "form"


class FormCreated(FormEvent):
    type = "form.created"


class FormUpdated(FormEvent):
    type = "form.updated"


class FormArchived(FormEvent):
    type = "form.archived"
