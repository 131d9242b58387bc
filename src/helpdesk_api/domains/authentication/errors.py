"""Refusals of credentials. What is wrong with them is said only where it helps nobody guess."""

from helpdesk_api.web.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated, Unprocessable


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    title = "E-mail address and password do not fit"


class InvalidToken(Unauthenticated):
    code = "invalid_token"
    title = "This token is not good"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


class TokenExpired(Unauthenticated):
    code = "token_expired"
    title = "This token has expired"
    default_detail = "Get a new one with the refresh token."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


class InvalidStreamTicket(Unauthenticated):
    code = "invalid_stream_ticket"
    title = "This stream ticket opens nothing"
    default_detail = "It was used already, or is older than a minute."
    remedy = "Ask for a new one with `POST /v1/events/stream-tickets`."


class AccountDeactivated(Unauthenticated):
    code = "account_deactivated"
    title = "This account is deactivated"


class SessionEnded(Unauthenticated):
    code = "session_ended"
    title = "This session was ended"


class InvalidRefreshToken(Unauthenticated):
    code = "invalid_refresh_token"
    title = "This refresh token is not good"
    default_detail = "It is unknown, expired or used; sign in again."


class TooManySignIns(TooManyRequests):
    code = "too_many_sign_ins"
    title = "Too many attempts to sign in"


class WrongPassword(Unprocessable):
    code = "wrong_password"
    title = "The present password is not this one"


class PasswordTooWeak(Unprocessable):
    code = "password_too_weak"
    title = "This password cannot be used"


class InvalidPasswordToken(Unprocessable):
    code = "invalid_password_token"
    title = "This link is used, expired or unknown"


class ScopeNotHeld(Unprocessable):
    code = "scope_not_held"
    title = "The account does not have this scope itself"


class ExpiryInPast(Unprocessable):
    code = "expiry_in_past"
    title = "It would be expired from the start"


class LimitedCredential(Forbidden):
    code = "limited_credential"
    title = "This credential is limited to scopes"
    default_detail = "Sessions, profile and password are for the account's owner, signed in without a limit of scopes."


class SessionNotFound(NotFound):
    code = "session_not_found"
    title = "There is no such session"


class ApiKeyNotFound(NotFound):
    code = "api_key_not_found"
    title = "There is no such API key"


class ServiceAccountNotFound(NotFound):
    code = "service_account_not_found"
    title = "There is no such service account"
