"""Signing in and out, and the credentials of people and programs."""

import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from helpdesk_api.authorization import grants
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.authorization.secret_box import derived
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication import events, keys, queries, stream_tickets, throttle, tokens
from helpdesk_api.domains.authentication.errors import (
    InvalidCredentials,
    InvalidPasswordToken,
    InvalidRefreshToken,
    SessionNotFound,
    WrongPassword,
)
from helpdesk_api.domains.authentication.models import PasswordLink, PasswordLinkKind, RefreshToken, Session
from helpdesk_api.domains.authentication.passwords import check_strength, hash_password, verify_password
from helpdesk_api.domains.authentication.queries import find_sign_in, secret_hash
from helpdesk_api.domains.authentication.schemas import PasswordChange
from helpdesk_api.domains.users import actions as users
from helpdesk_api.domains.users.models import User, UserKind
from helpdesk_api.jobs.queue import enqueue
from helpdesk_api.outbox.events import Cause, Visibility
from helpdesk_api.outbox.record import record

RESET_LIVES = timedelta(hours=2)
INVITATION_LIVES = timedelta(days=14)
_USER_AGENT_LENGTH = 300
OPEN_RESET = "authentication.open_reset"


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
    """Raises `invalid_credentials`, the same and after the same work for an unknown, deactivated or wrong one.

    `session` must not have been used: no connection is held while the password is verified.
    """
    in_force = await keys.key_set(database)
    async with database.reads() as reads:
        known = await find_sign_in(reads, email)
    fits, fresh_hash = await verify_password(password, known["password_hash"] if known is not None else None)
    if known is None or not fits:
        raise InvalidCredentials
    # Shared: sign-ins of one person do not wait for each other, and a deactivation ends this session or refuses it.
    how = {"key_share": True} if fresh_hash is not None else {"read": True}
    user = await session.get_one(User, known["id"], with_for_update=how, options=[undefer(User.password_hash)])
    if user.password_hash != known["password_hash"]:
        fits, fresh_hash = await verify_password(password, user.password_hash)
    if user.deactivated_at is not None or not fits:
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
    return _issue(session, in_force, user, opened, lifetimes)


async def refresh(database: Database, *, refresh_token: str, lifetimes: Lifetimes) -> IssuedTokens:
    """A new pair for a token that was not used yet.

    Raises `invalid_refresh_token`. A used one ends the whole session, since two parties hold it; a client that sends
    one token twice at once is no exception, because nothing tells it from a thief. The transaction is its own and
    commits before the refusal, so that the end of the session survives it.
    """
    in_force = await keys.key_set(database)
    async with database.durable() as session:
        issued = await _rotate(session, in_force, refresh_token, lifetimes)
    if issued is None:
        raise InvalidRefreshToken
    return issued


async def _rotate(
    session: AsyncSession, in_force: keys.KeySet, refresh_token: str, lifetimes: Lifetimes
) -> IssuedTokens | None:
    """None for a token that buys nothing. The row's lock makes two at once take turns."""
    now = clock.now()
    row = (
        await session.execute(
            select(RefreshToken).where(RefreshToken.token_hash == secret_hash(refresh_token)).with_for_update()
        )
    ).scalar_one_or_none()
    if row is None:
        return None
    family = await session.get_one(Session, row.session_id)
    if row.used_at is not None:
        await _end_reused(session, family)
        return None
    user = await session.get_one(User, family.user_id)
    if row.expires_at <= now or family.ended_at is not None or user.deactivated_at is not None:
        return None
    row.used_at = now
    family.last_used_at = now
    return _issue(session, in_force, user, family, lifetimes)


async def _end_reused(session: AsyncSession, family: Session) -> None:
    if family.ended_at is None:
        await _end(session, family.id, family.user_id)
        data = {"session_id": public_id("ses", family.id)}
        await record_account(session, Principal.system(), family.user_id, events.RefreshTokenReused, data=data)


def _issue(
    session: AsyncSession, in_force: keys.KeySet, user: User, opened: Session, lifetimes: Lifetimes
) -> IssuedTokens:
    now = clock.now()
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
    if found.user_id != principal.user_id and not queries.manages_accounts(principal):
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
    """Raises `password_too_weak`. Links to choose a password that were mailed before stop working."""
    check_strength(password, pointer=pointer)
    user.password_hash = await hash_password(password)
    # A link asked for before, by whomever, must not undo this.
    await session.execute(
        update(PasswordLink)
        .where(PasswordLink.user_id == user.id, PasswordLink.used_at.is_(None))
        .values(used_at=clock.now())
        .execution_options(synchronize_session=False)
    )
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
    await record_account(session, principal, user.id, events.PasswordChanged)


async def request_reset(session: AsyncSession, email: str) -> None:
    """The same one statement whether or not the account exists: a job finds that out."""
    await enqueue(session, OPEN_RESET, {"email": email})


async def open_reset(session: AsyncSession, payload: dict[str, Any]) -> None:
    """The job: silent when there is no such active account."""
    user = await users.find_by_email(session, payload["email"])
    if user is not None and user.kind is UserKind.USER and user.deactivated_at is None:
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
    await record_account(session, principal, user.id, event, internal_data={"reset_id": link.id.hex}, cause=cause)


async def issue_reset_token(session: AsyncSession, reset_id: UUID) -> str:
    """The link's token, the same for each attempt to mail it: the copy that arrives is the one that works.

    Raises NoResultFound for a link that is used, expired or gone.
    """
    usable = (PasswordLink.used_at.is_(None), PasswordLink.expires_at > clock.now())
    link = (
        await session.execute(select(PasswordLink).where(PasswordLink.id == reset_id, *usable).with_for_update())
    ).scalar_one()
    token = "hp_" + urlsafe_b64encode(derived("password-link", link.id.bytes)).decode().rstrip("=")
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
    await end_sessions(session, user.id)
    await record_account(session, Principal.system(), user.id, events.PasswordChanged)


async def rotate_signing_key(session: AsyncSession) -> str:
    """The new key's id."""
    return await keys.rotate(session)


async def drop_expired(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: refresh tokens, links and counts that nobody can use any more, and sessions that none can prolong."""
    del payload
    limit = clock.now() - timedelta(days=1)
    await session.execute(delete(RefreshToken).where(RefreshToken.expires_at < limit))
    await session.execute(delete(PasswordLink).where(PasswordLink.expires_at < limit))
    alive = select(RefreshToken.token_hash).where(RefreshToken.session_id == Session.id).exists()
    await session.execute(
        update(Session)
        .where(Session.ended_at.is_(None), Session.last_used_at < limit, ~alive)
        .values(ended_at=Session.last_used_at)
        .execution_options(synchronize_session=False)
    )
    await stream_tickets.drop_expired(session)
    await throttle.drop_past(session)


async def record_account(
    session: AsyncSession,
    principal: Principal,
    user_id: UUID,
    kind: type[events.AccountEvent],
    *,
    data: dict[str, Any] | None = None,
    internal_data: dict[str, Any] | None = None,
    cause: Cause | None = None,
) -> None:
    """An event about the account, for administrators' eyes."""
    event = kind(
        subject_id=user_id,
        visibility=Visibility.INTERNAL,
        data={"user_id": public_id("usr", user_id), **(data or {})},
        internal_data=internal_data or {},
    )
    await record(session, principal, event, cause=cause)
