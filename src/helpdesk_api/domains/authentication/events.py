"""Facts about credentials; for administrators' eyes, and never with a secret."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class AccountEvent(DomainEvent):
    subject_type: ClassVar[str] = "user"


class PasswordResetRequested(AccountEvent):
    """`data.reset_id` names the one-time right; the token is made when the mail is written."""

    type = "user.password_reset_requested"


class UserInvited(AccountEvent):
    """`data.reset_id`, as with a reset."""

    type = "user.invited"


class PasswordChanged(AccountEvent):
    type = "user.password_changed"


class ApiKeyCreated(AccountEvent):
    type = "api_key.created"


class ApiKeyRevoked(AccountEvent):
    type = "api_key.revoked"


class ServiceSecretChanged(AccountEvent):
    type = "service_account.secret_changed"


class RefreshTokenReused(AccountEvent):
    """Two parties held one refresh token; `data.session_id` was ended."""

    type = "session.refresh_token_reused"
