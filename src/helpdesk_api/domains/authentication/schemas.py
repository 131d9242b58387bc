"""Bodies of the sign-in, session and credential operations."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from helpdesk_api.authorization.permissions import Permission, Role
from helpdesk_api.database.ids import ApiKeyId, OrganizationId, SessionId, TeamId, UserId
from helpdesk_api.domains.authentication.passwords import MAX_LENGTH
from helpdesk_api.domains.users.schemas import EmailText, LocaleText, PhoneText, ZoneText
from helpdesk_api.web.schemas import (
    Instant,
    Name,
    OptionalText,
    Page,
    RequestInstant,
    RequestModel,
    ResponseModel,
    absent,
)

PasswordText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH, pattern=r"^[^\x00]*$")]
SecretText = Annotated[str, StringConstraints(min_length=20, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]
Scopes = Annotated[list[Permission], Field(min_length=1, max_length=len(Permission))]


class SessionCreate(RequestModel):
    """E-mail address and password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "mara@example.com", "password": "correct horse battery"}]}
    )

    email: EmailText
    password: PasswordText


class SessionRefresh(RequestModel):
    """A refresh token is good once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"refresh_token": "hr_Yk3pX9vQ2mR7tL1cW8nB4sD6fG0hJ5aZ2xE9uK3oI7y"}]}
    )

    refresh_token: SecretText


class SignedInUser(ResponseModel):
    """Who signed in."""

    id: UserId
    name: str = Field(max_length=120)
    role: Role


class SessionTokens(ResponseModel):
    """What a client keeps: the access token for calls, the refresh token for the next pair."""

    access_token: str = Field(max_length=8_192)
    token_type: Literal["Bearer"]
    expires_in: int = Field(ge=1, le=3_600, description="Seconds.")
    refresh_token: str = Field(max_length=200)
    refresh_expires_at: Instant
    session_id: SessionId
    user: SignedInUser


class SessionRead(ResponseModel):
    """A sign-in that has not ended."""

    model_config = ConfigDict(title="Session")

    id: SessionId
    user_id: UserId
    is_current: bool
    created_at: Instant
    last_used_at: Instant
    user_agent: str | None = Field(max_length=300)
    address: str | None = Field(max_length=64)


class SessionPage(Page[SessionRead]):
    """One page of sessions, newest first."""


class MyTeam(ResponseModel):
    """A team of the caller's."""

    id: TeamId
    name: str = Field(max_length=120)
    is_lead: bool


class Me(ResponseModel):
    """The caller, and what this credential lets them do."""

    id: UserId
    kind: str = Field(max_length=20)
    name: str = Field(max_length=120)
    email: str | None = Field(max_length=254)
    role: Role
    permissions: list[Permission] = Field(max_length=50)
    teams: list[MyTeam] = Field(max_length=200)
    organization_id: OrganizationId | None
    sees_organization: bool
    phone: str | None = Field(max_length=40)
    location: str | None = Field(max_length=500)
    time_zone: str = Field(max_length=64)
    locale: str = Field(max_length=35)


class MeUpdate(RequestModel):
    """JSON merge patch of what is one's own to change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"time_zone": "Europe/Berlin", "locale": "de"}]})

    phone: PhoneText | None = absent()
    location: OptionalText | None = absent()
    time_zone: ZoneText = absent()
    locale: LocaleText = absent()


class PasswordChange(RequestModel):
    """Ends all other sessions."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"current_password": "correct horse battery", "new_password": "staple the paper moon"}]
        }
    )

    current_password: PasswordText
    new_password: PasswordText


class PasswordResetCreate(RequestModel):
    """The answer is the same whether or not the account exists."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "mara@example.com"}]})

    email: EmailText


class PasswordResetConfirm(RequestModel):
    """The token from the mail, and the new password."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"token": "hp_Yk3pX9vQ2mR7tL1cW8nB4sD6fG0hJ5aZ2xE9uK3oI7y", "password": "staple the paper moon"}
            ]
        }
    )

    token: SecretText
    password: PasswordText


class ApiKeyCreate(RequestModel):
    """A key of one's own, with some of one's own rights."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Nightly report", "scopes": ["tickets:read"]}]})

    name: Name
    scopes: Scopes
    expires_at: RequestInstant | None = Field(default=None, description="Never when left out.")


class ApiKeyRead(ResponseModel):
    """A key without its secret."""

    model_config = ConfigDict(title="ApiKey", from_attributes=True)

    id: ApiKeyId
    user_id: UserId
    name: str = Field(max_length=120)
    prefix: str = Field(max_length=20, description="The first characters, to tell keys apart.")
    scopes: list[Permission] = Field(max_length=50)
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Instant | None = Field(description="To the minute.")


class ApiKeyCreated(ApiKeyRead):
    """A new key with its secret, which is shown this once."""

    model_config = ConfigDict(title="ApiKeyCreated", from_attributes=True)

    secret: str = Field(max_length=60)


class ApiKeyPage(Page[ApiKeyRead]):
    """One page of keys, newest first."""


class ServiceAccountCreate(RequestModel):
    """A program with rights of its own; its role says what it sees, its scopes what it may do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Monitoring", "role": "agent", "scopes": ["tickets:read", "tickets:write"]}]
        }
    )

    name: Name
    role: Role
    scopes: Scopes


class ServiceAccountRead(ResponseModel):
    """A service account without its secret."""

    model_config = ConfigDict(title="ServiceAccount")

    id: UserId
    name: str = Field(max_length=120)
    role: Role
    client_id: str = Field(max_length=60)
    scopes: list[Permission] = Field(max_length=50)
    is_active: bool
    created_at: Instant
    secret_changed_at: Instant


class ServiceAccountCreated(ServiceAccountRead):
    """With its secret, which is shown this once."""

    model_config = ConfigDict(title="ServiceAccountCreated")

    client_secret: str = Field(max_length=60)


class ServiceAccountPage(Page[ServiceAccountRead]):
    """One page of service accounts, newest first."""


class OAuthToken(ResponseModel):
    """RFC 6749, 5.1."""

    access_token: str = Field(max_length=8_192)
    token_type: Literal["Bearer"]
    expires_in: int = Field(ge=1, le=3_600, description="Seconds.")
    scope: str = Field(max_length=1_000)


class OAuthRefusal(ResponseModel):
    """RFC 6749, 5.2."""

    error: Literal["invalid_client", "invalid_request", "invalid_scope", "unsupported_grant_type"]
    error_description: str = Field(max_length=200, examples=["Client id and secret do not fit."])


class JsonWebKey(ResponseModel):
    """RFC 7517; an elliptic-curve public key."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str = Field(max_length=64)
    y: str = Field(max_length=64)
    kid: str = Field(max_length=64)
    use: Literal["sig"]
    alg: Literal["ES256"]


class JsonWebKeySet(ResponseModel):
    """RFC 7517."""

    keys: list[JsonWebKey] = Field(max_length=20)
