"""Facts about forms; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class FormEvent(DomainEvent):
    subject_type: ClassVar[str] = "form"


class FormCreated(FormEvent):
    """A form that categories can ask for was made."""

    type = "form.created"


class FormUpdated(FormEvent):
    """It has a new version; tickets keep the one that they were filled in by."""

    type = "form.updated"


class FormArchived(FormEvent):
    """No category asks for it any more."""

    type = "form.archived"
