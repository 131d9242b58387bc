"""Signing in and out, and the credentials of people and programs."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization import grants
from helpdesk_api.authorization.permissions import ROLE_PERMISSIONS
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication import events, keys, tokens
from helpdesk_api.domains.authentication.errors import (
    ExpiryInPast,
    InvalidCredentials,
    InvalidPasswordToken,
    InvalidRefreshToken,
    ScopeNotHeld,
    SessionNotFound,
    WrongPassword,
)
from helpdesk_api.domains.authentication.models import (
    ApiKey,
    PasswordLink,
    PasswordLinkKind,
    RefreshToken,
    ServiceClient,
    Session,
)
from helpdesk_api.domains.authentication.passwords import check_strength, hash_password, verify_password
from helpdesk_api.domains.authentication.queries import API_KEY_PREFIX, API_KEYS, secret_hash
from helpdesk_api.domains.authentication.schemas import ApiKeyCreate, PasswordChange, ServiceAccountCreate
from helpdesk_api.domains.users import actions as users
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import Cause, Visibility
from helpdesk_api.outbox.record import record

RESET_LIVES = timedelta(hours=2)
INVITATION_LIVES = timedelta(days=14)
_USER_AGENT_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long the two tokens of a session live."""

    access: timedelta
    refresh: timedelta


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """A fresh pair."""

    access_token: str
    refresh_token: str
    refresh_expires_at: datetime
    session_id: UUID
    user: User


async def sign_in(
    session: AsyncSession,
    database: Database,
    *,
    email: str,
    password: str,
    lifetimes: Lifetimes,
    user_agent: str | None,
    address: str | None,
) -> IssuedTokens:
    """Raises `invalid_credentials`, the same and after the same work for an unknown, deactivated or wrong one."""
    user = await users.find_by_email(session, email)
    stored = await session.scalar(select(User.password_hash).where(User.id == user.id)) if user is not None else None
    fits, fresh_hash = await verify_password(password, stored)
    if user is None or not fits or user.deactivated_at is not None:
        raise InvalidCredentials
    if fresh_hash is not None:
        await session.execute(update(User).where(User.id == user.id).values(password_hash=fresh_hash))
    now = clock.now()
    opened = Session(
        id=new_id(),
        user_id=user.id,
        created_at=now,
        last_used_at=now,
        user_agent=user_agent[:_USER_AGENT_LENGTH] if user_agent else None,
        address=address,
    )
    session.add(opened)
    await session.flush()
    return await _issue(session, database, user, opened, lifetimes)


async def refresh(
    session: AsyncSession, database: Database, *, refresh_token: str, lifetimes: Lifetimes
) -> IssuedTokens:
    """A new pair for a token that was not used yet.

    Raises `invalid_refresh_token`. A used one ends the whole session, durably, since two parties hold it; a client
    that sends one token twice at once is no exception, because nothing tells it from a thief.
    """
    now = clock.now()
    row = (
        await session.execute(
            select(RefreshToken).where(RefreshToken.token_hash == secret_hash(refresh_token)).with_for_update()
        )
    ).scalar_one_or_none()
    if row is None:
        raise InvalidRefreshToken
    family = await session.get_one(Session, row.session_id)
    if row.used_at is not None:
        async with database.durable() as durable:
            await _end(durable, family.id, family.user_id)
        raise InvalidRefreshToken
    user = await session.get_one(User, family.user_id)
    if row.expires_at <= now or family.ended_at is not None or user.deactivated_at is not None:
        raise InvalidRefreshToken
    row.used_at = now
    family.last_used_at = now
    return await _issue(session, database, user, family, lifetimes)


async def _issue(
    session: AsyncSession, database: Database, user: User, opened: Session, lifetimes: Lifetimes
) -> IssuedTokens:
    now = clock.now()
    in_force = await keys.key_set(database)
    access = tokens.issue(
        key_id=in_force.signing_id,
        private_key=in_force.signing_pem,
        user_id=user.id,
        session_id=opened.id,
        scopes=None,
        now=now,
        lifetime=lifetimes.access,
    )
    secret = "hr_" + secrets.token_urlsafe(32)
    expires = now + lifetimes.refresh
    session.add(RefreshToken(token_hash=secret_hash(secret), session_id=opened.id, created_at=now, expires_at=expires))
    return IssuedTokens(access, secret, expires, opened.id, user)


async def end_session(session: AsyncSession, principal: Principal, session_id: UUID) -> None:
    """One's own, or for administrators anybody's. Raises `session_not_found`."""
    found = await session.get(Session, session_id, with_for_update=True)
    if found is None or found.ended_at is not None:
        raise SessionNotFound
    if found.user_id != principal.user_id and not principal.is_admin:
        raise SessionNotFound
    await _end(session, found.id, found.user_id)


async def _end(session: AsyncSession, session_id: UUID, user_id: UUID) -> None:
    await session.execute(
        update(Session).where(Session.id == session_id, Session.ended_at.is_(None)).values(ended_at=clock.now())
    )
    await invalidate(session, grants.CACHE, user_id.hex)


async def end_sessions(session: AsyncSession, user_id: UUID, *, but: UUID | None = None) -> None:
    """All of a user's, except one."""
    statement = update(Session).where(Session.user_id == user_id, Session.ended_at.is_(None))
    if but is not None:
        statement = statement.where(Session.id != but)
    await session.execute(statement.values(ended_at=clock.now()).execution_options(synchronize_session=False))
    await invalidate(session, grants.CACHE, user_id.hex)


async def set_password(session: AsyncSession, user: User, password: str, *, pointer: str = "#/password") -> None:
    """Raises `password_too_weak`."""
    check_strength(password, pointer=pointer)
    user.password_hash = await hash_password(password)
    await session.flush()


async def change_password(session: AsyncSession, principal: Principal, body: PasswordChange) -> None:
    """Raises `wrong_password` and `password_too_weak`; ends all other sessions."""
    user = await session.get_one(User, principal.user_id, with_for_update=True)
    stored = await session.scalar(select(User.password_hash).where(User.id == user.id))
    fits, _ = await verify_password(body.current_password, stored)
    if not fits:
        raise WrongPassword(pointer="#/current_password")
    await set_password(session, user, body.new_password, pointer="#/new_password")
    await end_sessions(session, user.id, but=principal.session_id)
    await _record(session, principal, user.id, events.PasswordChanged)


async def request_reset(session: AsyncSession, email: str) -> None:
    """Silent when there is no such active account."""
    user = await users.find_by_email(session, email)
    if user is not None and user.deactivated_at is None:
        await open_password_link(session, Principal.system(), user, PasswordLinkKind.RESET)


async def open_password_link(
    session: AsyncSession, principal: Principal, user: User, kind: PasswordLinkKind, *, cause: Cause | None = None
) -> None:
    """The mail's job makes the token, so that no event, job or log ever holds it."""
    now = clock.now()
    lives = RESET_LIVES if kind is PasswordLinkKind.RESET else INVITATION_LIVES
    link = PasswordLink(id=new_id(), user_id=user.id, kind=kind, created_at=now, expires_at=now + lives)
    session.add(link)
    event = events.PasswordResetRequested if kind is PasswordLinkKind.RESET else events.UserInvited
    await _record(session, principal, user.id, event, internal_data={"reset_id": link.id.hex}, cause=cause)


async def issue_reset_token(session: AsyncSession, reset_id: UUID) -> str:
    """A fresh token for the link; one made before, for an attempt that failed, stops working."""
    link = await session.get_one(PasswordLink, reset_id, with_for_update=True)
    token = "hp_" + secrets.token_urlsafe(32)
    link.token_hash = secret_hash(token)
    await session.flush()
    return token


async def confirm_reset(session: AsyncSession, *, token: str, password: str) -> None:
    """Raises `invalid_password_token` and `password_too_weak`; ends all sessions."""
    link = (
        await session.execute(
            select(PasswordLink).where(PasswordLink.token_hash == secret_hash(token)).with_for_update()
        )
    ).scalar_one_or_none()
    if link is None or link.used_at is not None or link.expires_at <= clock.now():
        raise InvalidPasswordToken(pointer="#/token")
    user = await session.get_one(User, link.user_id, with_for_update=True)
    if user.deactivated_at is not None:
        raise InvalidPasswordToken(pointer="#/token")
    await set_password(session, user, password)
    link.used_at = clock.now()
    await end_sessions(session, user.id)
    await _record(session, Principal.system(), user.id, events.PasswordChanged)


async def create_api_key(session: AsyncSession, principal: Principal, body: ApiKeyCreate) -> tuple[ApiKey, str]:
    """The key and its secret, which is stored nowhere. Raises `scope_not_held` and `expiry_in_past`."""
    for position, scope in enumerate(body.scopes):
        if scope not in principal.permissions:
            raise ScopeNotHeld(pointer=f"#/scopes/{position}")
    now = clock.now()
    if body.expires_at is not None and body.expires_at <= now:
        raise ExpiryInPast(pointer="#/expires_at")
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
    await _record(session, principal, principal.user_id, events.ApiKeyCreated, data=_key_data(key))
    await session.flush()
    return key, secret


async def revoke_api_key(session: AsyncSession, principal: Principal, key: ApiKey) -> None:
    """Idempotent; in force at once on every process."""
    if key.revoked_at is not None:
        return
    key.revoked_at = clock.now()
    await invalidate(session, API_KEYS, key.key_hash.hex())
    await _record(session, principal, key.user_id, events.ApiKeyRevoked, data=_key_data(key))


def _key_data(key: ApiKey) -> dict[str, Any]:
    return {"api_key_id": public_id("key", key.id), "name": key.name, "prefix": key.prefix}


async def create_service_account(
    session: AsyncSession, principal: Principal, body: ServiceAccountCreate
) -> tuple[User, ServiceClient, str]:
    """Raises `scope_not_held` for a scope that the role does not have."""
    for position, scope in enumerate(body.scopes):
        if scope not in ROLE_PERMISSIONS[body.role]:
            raise ScopeNotHeld(pointer=f"#/scopes/{position}")
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
    """The old secret stops working with the commit; tokens already issued live out their minutes."""
    secret = "hs_" + secrets.token_urlsafe(32)
    client.secret_hash = secret_hash(secret)
    client.secret_changed_at = clock.now()
    await _record(session, principal, client.user_id, events.ServiceSecretChanged)
    await session.flush()
    return secret


async def rotate_signing_key(session: AsyncSession) -> str:
    """The new key's id."""
    return await keys.rotate(session)


async def drop_expired(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: refresh tokens and links that nobody can use any more."""
    del payload
    limit = clock.now() - timedelta(days=1)
    await session.execute(delete(RefreshToken).where(RefreshToken.expires_at < limit))
    await session.execute(delete(PasswordLink).where(PasswordLink.expires_at < limit))


async def _record(
    session: AsyncSession,
    principal: Principal,
    user_id: UUID,
    kind: type[events.AccountEvent],
    *,
    data: dict[str, Any] | None = None,
    internal_data: dict[str, Any] | None = None,
    cause: Cause | None = None,
) -> None:
    event = kind(
        subject_id=user_id,
        visibility=Visibility.INTERNAL,
        data={"user_id": public_id("usr", user_id), **(data or {})},
        internal_data=internal_data or {},
    )
    await record(session, principal, event, cause=cause)
