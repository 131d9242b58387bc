"""Facts about people; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class UserEvent(DomainEvent):
    subject_type: ClassVar[str] = "user"


class UserCreated(UserEvent):
    """Somebody has an account."""

    type = "user.created"


class UserUpdated(UserEvent):
    """Their role, name, organization or other fields changed."""

    type = "user.updated"


class UserDeactivated(UserEvent):
    """Their tokens die with the commit; open tickets are flagged for reassignment."""

    type = "user.deactivated"


class UserReactivated(UserEvent):
    """They may sign in again."""

    type = "user.reactivated"
