"""What a route declares: `requires(Permission)` or `public(reason)`; nothing else lets a request through."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request, params

from helpdesk_api.authorization.errors import MissingCredentials, MissingScope
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.session import Database

Authenticator = Callable[[str, Database], Awaitable[Principal]]


async def authenticate(request: Request) -> Principal:
    """The caller, from `Authorization: Bearer` (RFC 6750); raises `missing_credentials` and the token's errors."""
    found: Principal | None = getattr(request.state, "principal", None)
    if found is not None:
        return found
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise MissingCredentials
    authenticator: Authenticator = request.app.state.authenticator
    principal = await authenticator(token.strip(), request.app.state.database)
    request.state.rate = request.app.state.rate_limiter.take(principal.user_id.hex)
    request.state.principal = principal
    return principal


PrincipalDep = Annotated[Principal, Depends(authenticate)]


class RequiresPermission:
    """A dependency that remembers its permission, so that the contract and a test can read it off the route.

    None asks only who is calling: what belongs to the caller needs no further right.
    """

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> None:
        principal = await authenticate(request)
        if self.permission is not None and not principal.has(self.permission):
            raise MissingScope(self.permission)


class Public:
    """A route without authentication, and why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    async def __call__(self, request: Request) -> None:
        del request


def requires(permission: Permission) -> Any:
    return params.Depends(RequiresPermission(permission))


def signed_in() -> Any:
    """For what is the caller's own: profile, sessions."""
    return params.Depends(RequiresPermission(None))


def public(reason: str) -> Any:
    return params.Depends(Public(reason))
