"""Facts about credentials; for administrators' eyes, and never with a secret."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class AccountEvent(DomainEvent):
    subject_type: ClassVar[str] = "user"


class PasswordResetRequested(AccountEvent):
    """`details.reset_id` names the one-time right; the token is made when the mail is written."""

    type = "user.password_reset_requested"


class UserInvited(AccountEvent):
    """`details.reset_id`, as with a reset."""

    type = "user.invited"


class PasswordChanged(AccountEvent):
    """By the person, with the old one or a link from a mail; their other sessions ended."""

    type = "user.password_changed"


class ApiKeyCreated(AccountEvent):
    """`details` name the key and never hold it."""

    type = "api_key.created"


class ApiKeyRevoked(AccountEvent):
    """In force at once, on every process."""

    type = "api_key.revoked"


class ServiceSecretChanged(AccountEvent):
    """The old secret of the service account opens nothing any more."""

    type = "service_account.secret_changed"


class RefreshTokenReused(AccountEvent):
    """Two parties held one refresh token; `details.session_id` was ended."""

    type = "session.refresh_token_reused"
