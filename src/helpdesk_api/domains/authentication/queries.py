"""Who is calling: grants and principals; no statement while the caches are warm."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import LRUCache

from helpdesk_api.authorization.grants import GRANTS, Grants, principal_of
from helpdesk_api.authorization.permissions import Permission, Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.cache import InvalidatedCache
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication import tokens
from helpdesk_api.domains.authentication.errors import (
    AccountDeactivated,
    ApiKeyNotFound,
    InvalidToken,
    ServiceAccountNotFound,
    SessionEnded,
)
from helpdesk_api.domains.authentication.key_use import note_use
from helpdesk_api.domains.authentication.keys import KeySet, key_set
from helpdesk_api.domains.authentication.models import ApiKey, ServiceClient, Session
from helpdesk_api.domains.teams.models import Team, TeamMember
from helpdesk_api.domains.users.models import User, UserKind

API_KEY_PREFIX = "hk_live_"
API_KEYS = "api_keys"
# The longest life of an access token: after it, an ended session has no token left.
ENDED_MATTERS_FOR = timedelta(hours=1)
_KEPT_TOKENS = 10_000


async def load_grants(reads: ReadSession, user_ids: Sequence[UUID]) -> dict[UUID, Grants]:
    """One statement: the accounts, their teams, and sessions that ended while a token of theirs may live."""
    ended = (
        select(func.array_agg(Session.id))
        .where(Session.user_id == User.id, Session.ended_at > clock.now() - ENDED_MATTERS_FOR)
        .scalar_subquery()
    )
    teams = select(func.array_agg(TeamMember.team_id)).where(TeamMember.user_id == User.id)
    rows = await reads.fetch(
        select(
            User.id,
            User.kind,
            User.role,
            User.name,
            User.organization_id,
            User.sees_organization,
            User.deactivated_at.is_(None).label("is_active"),
            cast(teams.scalar_subquery(), ARRAY(Uuid)).label("team_ids"),
            cast(teams.where(TeamMember.is_lead).scalar_subquery(), ARRAY(Uuid)).label("led_team_ids"),
            cast(ended, ARRAY(Uuid)).label("ended"),
        ).where(User.id == any_(literal(list(user_ids), ARRAY(Uuid))))
    )
    return {row["id"]: _grants(row) for row in rows}


def _grants(row: Any) -> Grants:
    return Grants(
        user_id=row["id"],
        kind=row["kind"],
        is_active=row["is_active"],
        role=Role(row["role"]),
        name=row["name"],
        team_ids=frozenset(row["team_ids"] or ()),
        led_team_ids=frozenset(row["led_team_ids"] or ()),
        organization_id=row["organization_id"],
        sees_organization=row["sees_organization"],
        ended_sessions=frozenset(row["ended"] or ()),
    )


class _Verified:
    """Claims of tokens whose signature was checked with this very key set; a changed set forgets them all."""

    def __init__(self) -> None:
        self._keys: KeySet | None = None
        self._claims: LRUCache[str, dict[str, Any]] = LRUCache(_KEPT_TOKENS)

    def claims(self, token: str, keys: KeySet, now: datetime) -> dict[str, Any]:
        if keys is not self._keys:
            self._keys, self._claims = keys, LRUCache(_KEPT_TOKENS)
        found: dict[str, Any] | None = self._claims.get(token)
        if found is None:
            found = tokens.verify(token, keys.verifying_at(now))
            self._claims[token] = found
        return found


_verified = _Verified()


async def authenticate_token(token: str, database: Database) -> Principal:
    """The caller behind an access token or API key.

    Raises `invalid_token`, `token_expired`, `account_deactivated`, `session_ended`.
    """
    if token.startswith(API_KEY_PREFIX):
        return await _by_api_key(token, database)
    now = clock.now()
    claims = _verified.claims(token, await key_set(database), now)
    tokens.check_expiry(claims, now)
    session_id = UUID(hex=claims["sid"]) if "sid" in claims else None
    scopes = claims["scope"].split() if "scope" in claims else None
    grants = await _active_grants(database, UUID(hex=claims["sub"]))
    if session_id is not None and session_id in grants.ended_sessions:
        raise SessionEnded
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    return principal_of(grants, scopes=scopes, session_id=session_id, expires_at=expires_at)


async def _active_grants(database: Database, user_id: UUID) -> Grants:
    grants = await GRANTS.get(database, user_id.hex)
    if grants is None:
        raise InvalidToken
    if not grants.is_active:
        raise AccountDeactivated
    return grants


async def _load_api_key(reads: ReadSession, key: str) -> Any:
    row = await reads.fetch_one(
        select(ApiKey.id, ApiKey.user_id, ApiKey.scopes, ApiKey.expires_at).where(
            ApiKey.key_hash == bytes.fromhex(key), ApiKey.revoked_at.is_(None)
        )
    )
    if row is None:
        # Raised and not kept: keys that somebody makes up must not push real ones out of the cache.
        raise InvalidToken
    return row


_API_KEYS: InvalidatedCache[Any] = InvalidatedCache(API_KEYS, _load_api_key)


def api_keys_generation() -> int:
    """Grows whenever a key was revoked."""
    return _API_KEYS.generation


def secret_hash(secret: str) -> bytes:
    """Of a random 256-bit secret: no salt and no slowness needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


async def _by_api_key(token: str, database: Database) -> Principal:
    row = await _API_KEYS.get(database, secret_hash(token).hex())
    if row["expires_at"] is not None and row["expires_at"] <= clock.now():
        raise InvalidToken
    grants = await _active_grants(database, row["user_id"])
    note_use(database, row["id"])
    return principal_of(grants, scopes=row["scopes"], session_id=None, expires_at=row["expires_at"])


def manages_accounts(principal: Principal) -> bool:
    """Others' sessions and keys: the role is not enough when the credential is limited to less."""
    return principal.is_admin and principal.has(Permission.USERS_WRITE)


async def find_sign_in(reads: ReadSession, email: str) -> Any:
    """Id and password hash of the person with this address, whatever its case; None when there is none."""
    return await reads.fetch_one(
        select(User.id, User.password_hash).where(
            # Both by PostgreSQL, whose small letters are not Python's: İ, or Σ at the end.
            func.lower(User.email) == func.lower(email.strip()),
            User.kind == UserKind.USER,
        )
    )


_KEY_COLUMNS = (
    ApiKey.id,
    ApiKey.user_id,
    ApiKey.name,
    ApiKey.prefix,
    ApiKey.scopes,
    ApiKey.created_at,
    ApiKey.expires_at,
    ApiKey.revoked_at,
    ApiKey.last_used_at,
)


def select_api_keys(principal: Principal) -> Any:
    """One's own; administrators see all."""
    statement = select(*_KEY_COLUMNS)
    return statement if manages_accounts(principal) else statement.where(ApiKey.user_id == principal.user_id)


async def get_api_key(reads: ReadSession, principal: Principal, key_id: UUID) -> Any:
    """Raises `api_key_not_found`."""
    row = await reads.fetch_one(select_api_keys(principal).where(ApiKey.id == key_id))
    if row is None:
        raise ApiKeyNotFound
    return row


async def lock_api_key(session: AsyncSession, principal: Principal, key_id: UUID) -> ApiKey:
    """One that still works. Raises `api_key_not_found`."""
    key = await session.get(ApiKey, key_id, with_for_update=True)
    if (
        key is None
        or key.revoked_at is not None
        or not (manages_accounts(principal) or key.user_id == principal.user_id)
    ):
        raise ApiKeyNotFound
    return key


SERVICE_ACCOUNTS = select(
    User.id,
    User.name,
    User.role,
    User.deactivated_at.is_(None).label("is_active"),
    User.created_at,
    ServiceClient.client_id,
    ServiceClient.scopes,
    ServiceClient.secret_changed_at,
).join(ServiceClient, ServiceClient.user_id == User.id)


async def get_service_account(reads: ReadSession, user_id: UUID) -> Any:
    """Raises `service_account_not_found`."""
    row = await reads.fetch_one(SERVICE_ACCOUNTS.where(User.id == user_id))
    if row is None:
        raise ServiceAccountNotFound
    return row


async def lock_service_client(session: AsyncSession, user_id: UUID) -> ServiceClient:
    """Raises `service_account_not_found`."""
    client = await session.get(ServiceClient, user_id, with_for_update=True)
    if client is None:
        raise ServiceAccountNotFound
    return client


async def find_service_client(
    session: AsyncSession, client_id: str, client_secret: str
) -> tuple[User, ServiceClient] | None:
    """The active account whose credentials these are."""
    if "\0" in client_id:
        return None  # PostgreSQL's texts have none, and refuse to compare it
    client = await session.scalar(select(ServiceClient).where(ServiceClient.client_id == client_id))
    if client is None or not hmac.compare_digest(client.secret_hash, secret_hash(client_secret)):
        return None
    user = await session.get_one(User, client.user_id)
    return (user, client) if user.deactivated_at is None else None


_SESSION_COLUMNS = (
    Session.id,
    Session.user_id,
    Session.created_at,
    Session.last_used_at,
    Session.user_agent,
    Session.address,
)


def select_sessions(principal: Principal, user_id: UUID | None) -> Any:
    """Sessions that have not ended: one's own, or for administrators those of `user_id`."""
    wanted = user_id if user_id is not None and manages_accounts(principal) else principal.user_id
    return select(*_SESSION_COLUMNS).where(Session.user_id == wanted, Session.ended_at.is_(None))


async def read_me(session: AsyncSession, principal: Principal) -> dict[str, Any]:
    """The caller's profile as this transaction sees it, with the rights of this very credential."""
    user = await session.get_one(User, principal.user_id)
    teams = await session.execute(
        select(Team.id, Team.name, TeamMember.is_lead)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(TeamMember.user_id == user.id)
        .order_by(Team.name)
    )
    return {
        "id": user.id,
        "kind": user.kind,
        "name": user.name,
        "email": user.email,
        "role": user.role,
        "permissions": sorted(principal.permissions),
        "teams": [row._asdict() for row in teams],
        "organization_id": user.organization_id,
        "sees_organization": user.sees_organization,
        "phone": user.phone,
        "location": user.location,
        "time_zone": user.time_zone,
        "locale": user.locale,
    }
