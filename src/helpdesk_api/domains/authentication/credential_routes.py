"""API keys, service accounts and the OAuth token endpoint over HTTP."""

import base64
import binascii
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import unquote_plus
from uuid import UUID

from fastapi import Form, Request, Response
from fastapi.responses import JSONResponse

from helpdesk_api.authorization.dependencies import PrincipalDep, public, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database import clock
from helpdesk_api.database.ids import ApiKeyId, UserId
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.authentication import credentials, errors, keys, queries, tokens
from helpdesk_api.domains.authentication.models import ApiKey, ServiceClient
from helpdesk_api.domains.authentication.schemas import (
    ApiKeyCreate,
    ApiKeyCreated,
    ApiKeyPage,
    ApiKeyRead,
    OAuthRefusal,
    OAuthToken,
    ServiceAccountCreate,
    ServiceAccountCreated,
    ServiceAccountPage,
    ServiceAccountRead,
)
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, SortKey, add_links, page_of
from helpdesk_api.web.routing import NO_IDEMPOTENCY, ApiRouter

SECRET = {NO_IDEMPOTENCY: True}
NO_STORE = "no-store"
_PRINTABLE = r"^[\x21-\x7e]*$"
# What the token endpoint takes: in the document, and judged by its own code, since its refusals are the RFC's.
_GRANT_TYPE = {"maxLength": 100, "pattern": _PRINTABLE}
_CLIENT_ID = {"maxLength": 100, "pattern": _PRINTABLE}
_CLIENT_SECRET = {"maxLength": 200, "pattern": _PRINTABLE}
_SCOPE_LENGTH = 1_000
_SCOPE = {"maxLength": _SCOPE_LENGTH, "pattern": r"^[\x20-\x7e]*$"}
keys_router = ApiRouter(prefix="/v1/api-keys", tags=["api-keys"], about="Keys for programs that act for a person.")


@keys_router.post(
    "",
    operation_id="createApiKey",
    summary="Create an API key",
    status_code=201,
    response_model=ApiKeyCreated,
    dependencies=[requires(Permission.API_KEYS_WRITE)],
    responses=documents(errors.ScopeNotHeld, errors.ExpiryInPast),
    openapi_extra=SECRET,
)
async def create_api_key(body: ApiKeyCreate, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """The secret is shown this once. The key can never do more than its owner."""
    key, secret = await credentials.create_api_key(session, principal, body)
    response.headers["Location"] = f"/v1/api-keys/key_{key.id.hex}"
    response.headers["Cache-Control"] = NO_STORE
    return {**{name: getattr(key, name) for name in ApiKeyRead.model_fields}, "secret": secret}


@keys_router.get(
    "",
    operation_id="listApiKeys",
    summary="List API keys",
    response_model=ApiKeyPage,
    dependencies=[requires(Permission.API_KEYS_WRITE)],
    responses=documents(InvalidCursor),
)
async def list_api_keys(page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """One's own; administrators see all."""
    order = [
        SortKey("created_at", ApiKey.created_at, datetime, descending=True),
        SortKey("id", ApiKey.id, UUID, descending=True),
    ]
    answer = await page_of(reads, queries.select_api_keys(principal), order, page)
    add_links(response, page, answer)
    return answer


@keys_router.get(
    "/{key_id}",
    operation_id="getApiKey",
    summary="Read an API key",
    response_model=ApiKeyRead,
    dependencies=[requires(Permission.API_KEYS_WRITE)],
    responses=documents(errors.ApiKeyNotFound),
)
async def get_api_key(key_id: ApiKeyId, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """Never its secret."""
    return dict(await queries.get_api_key(reads, principal, key_id))


@keys_router.delete(
    "/{key_id}",
    operation_id="revokeApiKey",
    summary="Revoke an API key",
    status_code=204,
    dependencies=[requires(Permission.API_KEYS_WRITE)],
    responses=documents(errors.ApiKeyNotFound),
)
async def revoke_api_key(key_id: ApiKeyId, principal: PrincipalDep, session: SessionDep) -> None:
    """At once on every process. It stays readable, and cannot be revoked again: a repeat is 404."""
    await credentials.revoke_api_key(session, principal, await queries.lock_api_key(session, principal, key_id))


service_router = ApiRouter(
    prefix="/v1/service-accounts", tags=["service-accounts"], about="Accounts of programs, with a secret and scopes."
)
MANAGE = [requires(Permission.USERS_WRITE)]


def _created(user: User, client: ServiceClient, secret: str) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "role": user.role,
        "client_id": client.client_id,
        "scopes": client.scopes,
        "is_active": user.deactivated_at is None,
        "created_at": user.created_at,
        "secret_changed_at": client.secret_changed_at,
        "client_secret": secret,
    }


@service_router.post(
    "",
    operation_id="createServiceAccount",
    summary="Create a service account",
    status_code=201,
    response_model=ServiceAccountCreated,
    dependencies=MANAGE,
    responses=documents(errors.ScopeNotHeld),
    openapi_extra=SECRET,
)
async def create_service_account(
    body: ServiceAccountCreate, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """The secret is shown this once; it buys tokens at `/v1/oauth/token`."""
    user, client, secret = await credentials.create_service_account(session, principal, body)
    response.headers["Location"] = f"/v1/service-accounts/usr_{user.id.hex}"
    response.headers["Cache-Control"] = NO_STORE
    return _created(user, client, secret)


@service_router.get(
    "",
    operation_id="listServiceAccounts",
    summary="List service accounts",
    response_model=ServiceAccountPage,
    dependencies=MANAGE,
    responses=documents(InvalidCursor),
)
async def list_service_accounts(page: PageDep, reads: ReadSessionDep, response: Response) -> Any:
    """Newest first."""
    order = [
        SortKey("created_at", User.created_at, datetime, descending=True),
        SortKey("id", User.id, UUID, descending=True),
    ]
    answer = await page_of(reads, queries.SERVICE_ACCOUNTS, order, page)
    add_links(response, page, answer)
    return answer


@service_router.get(
    "/{user_id}",
    operation_id="getServiceAccount",
    summary="Read a service account",
    response_model=ServiceAccountRead,
    dependencies=MANAGE,
    responses=documents(errors.ServiceAccountNotFound),
)
async def get_service_account(user_id: UserId, reads: ReadSessionDep) -> Any:
    """Deactivate it as a user."""
    return dict(await queries.get_service_account(reads, user_id))


@service_router.post(
    "/{user_id}/secret",
    operation_id="changeServiceAccountSecret",
    summary="Give it a new secret",
    response_model=ServiceAccountCreated,
    dependencies=MANAGE,
    responses=documents(errors.ServiceAccountNotFound),
    openapi_extra=SECRET,
)
async def change_service_secret(
    user_id: UserId, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """The old one stops working at once."""
    client = await queries.lock_service_client(session, user_id)
    secret = await credentials.change_service_secret(session, principal, client)
    response.headers["Cache-Control"] = NO_STORE
    return _created(await session.get_one(User, user_id), client, secret)


oauth_router = ApiRouter(prefix="/v1/oauth", tags=["oauth"], about="Access tokens for service accounts (RFC 6749).")


# RFC 6749, 5.1: both, with whatever holds a token or a refusal of one.
_UNSTORED = {"Cache-Control": NO_STORE, "Pragma": "no-cache"}


def _refusal(code: str, description: str, status: int = 400) -> Response:
    """RFC 6749, 5.2: this endpoint's errors are the RFC's own, since OAuth clients read only these."""
    headers = dict(_UNSTORED)
    if status == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = "Basic"
    return JSONResponse({"error": code, "error_description": description}, status_code=status, headers=headers)


def _basic(request: Request) -> tuple[str, str] | None:
    """RFC 6749, 2.3.1: both halves are form-encoded inside Basic."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, found, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (unquote_plus(client_id), unquote_plus(secret)) if found else None


async def _malformed(request: Request, grant_type: str, client_id: str, client_secret: str) -> Response | None:
    """What RFC 6749 refuses before it looks at the client: 5.2, and one way to authenticate at a time (2.3)."""
    names = [name for name, _ in (await request.form()).multi_items()]
    if len(names) != len(set(names)):
        return _refusal("invalid_request", "A parameter is there more than once.")
    if not grant_type:
        return _refusal("invalid_request", "grant_type is missing.")
    if grant_type != "client_credentials":
        return _refusal("unsupported_grant_type", "Only client_credentials is offered.")
    if "authorization" in request.headers and (client_id or client_secret):
        return _refusal("invalid_request", "Send the client's credentials in the header or in the body, not in both.")
    return None


@oauth_router.post(
    "/token",
    operation_id="createOAuthToken",
    summary="Get a token with client credentials",
    response_model=OAuthToken,
    dependencies=[public("the client's own credentials are in the request")],
    openapi_extra=SECRET,
    responses={
        400: {
            "model": OAuthRefusal,
            "description": "Refused in the form of RFC 6749; what is no form at all, in ours.",
        },
        401: {"model": OAuthRefusal, "description": "The client is unknown, or its secret does not fit."},
    },
)
async def create_oauth_token(
    request: Request,
    database: DatabaseDep,
    session: SessionDep,
    response: Response,
    grant_type: Annotated[str, Form(json_schema_extra=_GRANT_TYPE, examples=["client_credentials"])] = "",
    client_id: Annotated[str, Form(json_schema_extra=_CLIENT_ID)] = "",
    client_secret: Annotated[str, Form(json_schema_extra=_CLIENT_SECRET)] = "",
    scope: Annotated[str, Form(json_schema_extra=_SCOPE, examples=["tickets:read"])] = "",
) -> Any:
    """RFC 6749, 4.4: `client_secret_basic` or `client_secret_post`. Errors are in the RFC's form."""
    if (refusal := await _malformed(request, grant_type, client_id, client_secret)) is not None:
        return refusal
    given = _basic(request) or (client_id, client_secret)
    found = await queries.find_service_client(session, *given)
    if found is None:
        return _refusal("invalid_client", "Client id and secret do not fit.", 401)
    user, client = found
    wanted = [name for name in scope.split(" ") if name] or list(client.scopes)
    if len(scope) > _SCOPE_LENGTH or not set(wanted) <= set(client.scopes):
        return _refusal("invalid_scope", "The client does not hold this scope.")
    settings = request.app.state.settings
    in_force = await keys.key_set(database)
    token = tokens.issue(
        key_id=in_force.signing_id,
        private_key=in_force.signing_pem,
        user_id=user.id,
        session_id=None,
        scopes=wanted,
        now=clock.now(),
        lifetime=timedelta(seconds=settings.access_token_seconds),
    )
    response.headers.update(_UNSTORED)
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": settings.access_token_seconds,
        "scope": " ".join(wanted),
    }


ROUTERS = (keys_router, service_router, oauth_router)
