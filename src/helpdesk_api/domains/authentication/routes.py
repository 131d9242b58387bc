"""Sessions, the caller's own account, and passwords over HTTP."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Depends, Request, Response

from helpdesk_api.authorization.dependencies import PrincipalDep, public, signed_in
from helpdesk_api.authorization.permissions import ROLE_PERMISSIONS
from helpdesk_api.database.ids import SessionId, UserId
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.authentication import actions, errors, keys, queries, throttle
from helpdesk_api.domains.authentication.models import Session
from helpdesk_api.domains.authentication.schemas import (
    JsonWebKeySet,
    Me,
    MeUpdate,
    PasswordChange,
    PasswordResetConfirm,
    PasswordResetCreate,
    SessionCreate,
    SessionPage,
    SessionRefresh,
    SessionTokens,
)
from helpdesk_api.domains.authentication.settings import caller_address, lifetimes_of
from helpdesk_api.domains.users import actions as users
from helpdesk_api.domains.users import errors as user_errors
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, SortKey, add_links, page_of
from helpdesk_api.web.preconditions import IfMatchDep, etag_of_content, set_etag
from helpdesk_api.web.routing import NO_IDEMPOTENCY, ApiRouter

router = ApiRouter(tags=["sessions"], about="Signing in and out, refreshing, forgotten passwords, and signing keys.")
SECRET = {NO_IDEMPOTENCY: True}
NO_STORE = "no-store"


async def refuse_limited(principal: PrincipalDep) -> None:
    """An API key or token cut down to scopes speaks for some of the account's rights, not for the account."""
    if principal.permissions != ROLE_PERMISSIONS[principal.role]:
        raise errors.LimitedCredential


OWNER = [signed_in(), Depends(refuse_limited)]


def _tokens(issued: actions.IssuedTokens, expires_in: int, response: Response) -> dict[str, Any]:
    response.headers["Cache-Control"] = NO_STORE
    return {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": expires_in,
        "refresh_token": issued.refresh_token,
        "refresh_expires_at": issued.refresh_expires_at,
        "session_id": issued.session_id,
        "user": {"id": issued.user.id, "name": issued.user.name, "role": issued.user.role},
    }


@router.post(
    "/v1/sessions",
    operation_id="createSession",
    summary="Sign in",
    status_code=201,
    response_model=SessionTokens,
    dependencies=[public("this is where a caller gets a token")],
    responses=documents(errors.InvalidCredentials, errors.TooManySignIns),
    openapi_extra=SECRET,
)
async def create_session(
    body: SessionCreate, request: Request, response: Response, database: DatabaseDep, session: SessionDep
) -> Any:
    """The access token lives for 15 minutes, the refresh token for 30 days and once. Attempts are limited by account
    and by address."""
    settings = request.app.state.settings
    address = caller_address(request)
    await throttle.count_attempt(
        database,
        email=body.email,
        address=address,
        limit=settings.sign_in_attempts,
        window_seconds=settings.sign_in_window_seconds,
    )
    issued = await actions.sign_in(
        session,
        database,
        email=body.email,
        password=body.password,
        lifetimes=lifetimes_of(settings),
        user_agent=request.headers.get("user-agent"),
        address=address,
    )
    await throttle.forgive(session, email=body.email)
    return _tokens(issued, settings.access_token_seconds, response)


@router.post(
    "/v1/sessions/refresh",
    operation_id="refreshSession",
    summary="Get the next pair of tokens",
    response_model=SessionTokens,
    dependencies=[public("the refresh token is the credential")],
    responses=documents(errors.InvalidRefreshToken),
    openapi_extra=SECRET,
)
async def refresh_session(body: SessionRefresh, request: Request, response: Response, database: DatabaseDep) -> Any:
    """Each refresh token is good once. Using one again ends the session, since two parties hold it."""
    settings = request.app.state.settings
    issued = await actions.refresh(database, refresh_token=body.refresh_token, lifetimes=lifetimes_of(settings))
    return _tokens(issued, settings.access_token_seconds, response)


@router.get(
    "/v1/sessions",
    operation_id="listSessions",
    summary="List sessions",
    response_model=SessionPage,
    dependencies=OWNER,
    responses=documents(InvalidCursor, errors.LimitedCredential),
)
async def list_sessions(
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
    user_id: UserId | None = None,
) -> Any:
    """One's own that have not ended; administrators name a user."""
    order = [
        SortKey("created_at", Session.created_at, datetime, descending=True),
        SortKey("id", Session.id, UUID, descending=True),
    ]
    answer = await page_of(reads, queries.select_sessions(principal, user_id), order, page)
    for row in answer["data"]:
        row["is_current"] = row["id"] == principal.session_id
    add_links(response, page, answer)
    return answer


@router.delete(
    "/v1/sessions/current",
    operation_id="signOut",
    summary="Sign out",
    status_code=204,
    dependencies=[signed_in()],
    responses=documents(errors.SessionNotFound),
)
async def sign_out(principal: PrincipalDep, session: SessionDep) -> None:
    """Ends the session of this access token, at once on every process."""
    if principal.session_id is None:
        raise errors.SessionNotFound
    await actions.end_session(session, principal, principal.session_id)


@router.delete(
    "/v1/sessions/{session_id}",
    operation_id="revokeSession",
    summary="End a session",
    status_code=204,
    dependencies=OWNER,
    responses=documents(errors.SessionNotFound, errors.LimitedCredential),
)
async def revoke_session(session_id: SessionId, principal: PrincipalDep, session: SessionDep) -> None:
    """One's own; administrators anybody's."""
    await actions.end_session(session, principal, session_id)


@router.get(
    "/.well-known/jwks.json",
    operation_id="getJwks",
    summary="Public keys of access tokens",
    response_model=JsonWebKeySet,
    dependencies=[public("public keys are public")],
    openapi_extra={"x-etag": True},
)
async def get_jwks(database: DatabaseDep, response: Response) -> Any:
    """RFC 7517. Two keys during a rotation."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return (await keys.key_set(database)).public_jwks()


me_router = ApiRouter(prefix="/v1/me", tags=["me"], about="The caller: profile, rights and password.")


@me_router.get("", operation_id="getMe", summary="Read oneself", response_model=Me, dependencies=[signed_in()])
async def get_me(principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """Profile, role, teams, and the permissions of this very credential."""
    return _as_of_now(await queries.read_me(session, principal), response)


def _etag(me: dict[str, Any]) -> str:
    """Of what is shown: teams and rights change by themselves, and no version tells."""
    return etag_of_content(json.dumps(me, default=str, sort_keys=True).encode())


def _as_of_now(me: dict[str, Any], response: Response) -> dict[str, Any]:
    set_etag(response, _etag(me))
    return me


@me_router.patch(
    "",
    operation_id="updateMe",
    summary="Change oneself",
    response_model=Me,
    dependencies=OWNER,
    responses=documents(user_errors.UnknownTimeZone, errors.LimitedCredential),
)
async def update_me(
    body: MeUpdate, principal: PrincipalDep, session: SessionDep, response: Response, if_match: IfMatchDep
) -> Any:
    """JSON merge patch of phone, location, time zone and locale; the rest is an administrator's."""
    user = await session.get_one(User, principal.user_id, with_for_update=True)
    if_match.check(_etag(await queries.read_me(session, principal)))
    await users.change_user(session, principal, user, body.model_dump(exclude_unset=True))
    return _as_of_now(await queries.read_me(session, principal), response)


@me_router.post(
    "/password",
    operation_id="changeMyPassword",
    summary="Change one's password",
    status_code=204,
    dependencies=OWNER,
    responses=documents(errors.WrongPassword, errors.PasswordTooWeak, errors.TooManySignIns, errors.LimitedCredential),
    openapi_extra=SECRET,
)
async def change_my_password(
    body: PasswordChange, principal: PrincipalDep, session: SessionDep, database: DatabaseDep, request: Request
) -> None:
    """Ends all other sessions. Attempts are limited like attempts to sign in."""
    settings = request.app.state.settings
    await throttle.count_attempt(
        database,
        email=principal.user_id.hex,
        address=caller_address(request),
        limit=settings.sign_in_attempts,
        window_seconds=settings.sign_in_window_seconds,
    )
    await actions.change_password(session, principal, body)


resets_router = ApiRouter(prefix="/v1/password-resets", tags=["sessions"])


@resets_router.post(
    "",
    operation_id="requestPasswordReset",
    summary="Ask for a password reset",
    status_code=202,
    response_class=Response,
    dependencies=[public("who forgot a password cannot sign in")],
    responses=documents(errors.TooManySignIns),
    openapi_extra=SECRET,
)
async def request_password_reset(
    body: PasswordResetCreate, session: SessionDep, database: DatabaseDep, request: Request
) -> None:
    """The answer is the same whether or not the account exists; a link good for two hours is mailed if it does."""
    settings = request.app.state.settings
    await throttle.count_attempt(
        database,
        email=f"reset:{body.email}",
        address=caller_address(request),
        limit=settings.sign_in_attempts,
        window_seconds=settings.sign_in_window_seconds,
    )
    await actions.request_reset(session, body.email)


@resets_router.post(
    "/confirm",
    operation_id="confirmPasswordReset",
    summary="Set a password by the mailed link",
    status_code=204,
    dependencies=[public("the mailed token is the credential")],
    responses=documents(errors.InvalidPasswordToken, errors.PasswordTooWeak),
    openapi_extra=SECRET,
)
async def confirm_password_reset(body: PasswordResetConfirm, session: SessionDep) -> None:
    """Good once; ends all sessions of the account."""
    await actions.confirm_reset(session, token=body.token, password=body.password)


ROUTERS = (router, me_router, resets_router)
