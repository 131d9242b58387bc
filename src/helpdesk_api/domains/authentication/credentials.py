"""API keys and service accounts: credentials of programs. None is worth more than who makes or shows it holds."""

import secrets
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.authorization.permissions import ROLE_PERMISSIONS, Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.authentication import events
from helpdesk_api.domains.authentication.actions import record_account
from helpdesk_api.domains.authentication.errors import AccountDeactivated, ExpiryInPast, ScopeNotHeld
from helpdesk_api.domains.authentication.models import ApiKey, ServiceClient
from helpdesk_api.domains.authentication.queries import API_KEY_PREFIX, API_KEYS, secret_hash
from helpdesk_api.domains.authentication.schemas import ApiKeyCreate, ServiceAccountCreate
from helpdesk_api.domains.users import actions as users
from helpdesk_api.domains.users.models import User


def _check_scopes(scopes: Iterable[Permission], held: Collection[Permission]) -> None:
    for position, scope in enumerate(scopes):
        if scope not in held:
            raise ScopeNotHeld(pointer=f"#/scopes/{position}")


async def create_api_key(session: AsyncSession, principal: Principal, body: ApiKeyCreate) -> tuple[ApiKey, str]:
    """The key and its secret, which is stored nowhere.

    Raises `scope_not_held`, `expiry_in_past`, and `account_deactivated` when its owner was deactivated meanwhile.
    """
    _check_scopes(body.scopes, principal.permissions)
    now = clock.now()
    if body.expires_at is not None and body.expires_at <= now:
        raise ExpiryInPast(pointer="#/expires_at")
    # Shared until the commit: a deactivation revokes this key or refuses it.
    active = select(User.id).where(User.id == principal.user_id, User.deactivated_at.is_(None))
    if await session.scalar(active.with_for_update(read=True)) is None:
        raise AccountDeactivated
    secret = API_KEY_PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        id=new_id(),
        user_id=principal.user_id,
        name=body.name,
        prefix=secret[: len(API_KEY_PREFIX) + 4],
        key_hash=secret_hash(secret),
        scopes=sorted({scope.value for scope in body.scopes}),
        created_at=now,
        expires_at=body.expires_at,
        revoked_at=None,
        last_used_at=None,
    )
    session.add(key)
    await record_account(session, principal, principal.user_id, events.ApiKeyCreated, data=_key_data(key))
    await session.flush()
    return key, secret


async def revoke_api_key(session: AsyncSession, principal: Principal, key: ApiKey) -> None:
    """Of a locked key that still works; in force at once on every process."""
    key.revoked_at = clock.now()
    await invalidate(session, API_KEYS, key.key_hash.hex())
    await record_account(session, principal, key.user_id, events.ApiKeyRevoked, data=_key_data(key))


async def revoke_api_keys(session: AsyncSession, principal: Principal, user_id: UUID) -> None:
    """All of somebody's, who may come back: a key that was given to whatever does not come back by itself."""
    theirs = select(ApiKey).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None)).order_by(ApiKey.id)
    for key in (await session.scalars(theirs.with_for_update())).all():
        await revoke_api_key(session, principal, key)


def _key_data(key: ApiKey) -> dict[str, Any]:
    return {"api_key_id": public_id("key", key.id), "name": key.name, "prefix": key.prefix}


async def create_service_account(
    session: AsyncSession, principal: Principal, body: ServiceAccountCreate
) -> tuple[User, ServiceClient, str]:
    """Raises `scope_not_held` for a scope that the role, or the caller's own credential, does not have."""
    _check_scopes(body.scopes, ROLE_PERMISSIONS[body.role] & principal.permissions)
    user = await users.create_service_user(session, principal, name=body.name, role=body.role)
    secret = "hs_" + secrets.token_urlsafe(32)
    client = ServiceClient(
        user_id=user.id,
        client_id="hc_" + secrets.token_hex(12),
        secret_hash=secret_hash(secret),
        scopes=sorted({scope.value for scope in body.scopes}),
        secret_changed_at=clock.now(),
    )
    session.add(client)
    await session.flush()
    return user, client, secret


async def change_service_secret(session: AsyncSession, principal: Principal, client: ServiceClient) -> str:
    """The old secret stops working with the commit; tokens already issued live out their minutes.

    Raises `missing_scope` when the account may more than the caller's credential: the answer would lend it that.
    """
    for scope in client.scopes:
        if scope not in principal.permissions:
            raise MissingScope(scope)
    secret = "hs_" + secrets.token_urlsafe(32)
    client.secret_hash = secret_hash(secret)
    client.secret_changed_at = clock.now()
    await record_account(session, principal, client.user_id, events.ServiceSecretChanged)
    await session.flush()
    return secret
