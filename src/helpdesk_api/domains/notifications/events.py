"""Facts about what people want to be told; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import Changes, DomainEvent


class NotificationPreferencesChanged(DomainEvent):
    """Somebody wants other mails than before; `changes` has those that they do not want."""

    type = "user.notification_preferences_changed"
    subject_type: ClassVar[str] = "user"
    example_changes: ClassVar[Changes] = {"unwanted": ([], ["resolved"])}
