"""What a user may, as kept in each process: read once, forgotten when a NOTIFY says that it changed."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from helpdesk_api.authorization.permissions import ROLE_PERMISSIONS, STAFF_ROLES, Permission, Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.cache import InvalidatedCache
from helpdesk_api.database.reads import ReadSession

if TYPE_CHECKING:
    from helpdesk_api.database.session import Database

CACHE = "grants"


@dataclass(frozen=True, slots=True)
class Grants:
    """A user's rights now. `ended_sessions` are those ended while an access token of theirs may still be unexpired."""

    user_id: UUID
    kind: Literal["user", "service"]
    is_active: bool
    role: Role
    name: str
    team_ids: frozenset[UUID]
    led_team_ids: frozenset[UUID]
    organization_id: UUID | None
    sees_organization: bool
    ended_sessions: frozenset[UUID]

    @property
    def takes_work(self) -> bool:
        """A person of the staff who has not left; service accounts take no tickets."""
        return self.is_active and self.kind == "user" and self.role in STAFF_ROLES


Loader = Callable[[ReadSession, Sequence[UUID]], Awaitable[Mapping[UUID, Grants]]]
_loader: Loader | None = None


def load_grants_through(loader: Loader) -> None:
    """Called once by the process: the users' tables lie above this package."""
    global _loader  # noqa: PLW0603 - the wiring of this process
    _loader = loader


async def _load(reads: ReadSession, key: str) -> Grants | None:
    return (await _load_many(reads, [key])).get(key)


async def _load_many(reads: ReadSession, keys: Sequence[str]) -> Mapping[str, Grants]:
    if _loader is None:
        message = "no grants loader was installed"
        raise RuntimeError(message)
    found = await _loader(reads, [UUID(hex=key) for key in keys])
    return {user_id.hex: grants for user_id, grants in found.items()}


GRANTS: InvalidatedCache[Grants | None] = InvalidatedCache(CACHE, _load)


async def warm_grants(database: "Database", user_ids: Iterable[UUID]) -> None:
    """One statement for all who are not known any more, however many they are."""
    await GRANTS.fill(database, (user_id.hex for user_id in user_ids), _load_many)


def principal_of(
    grants: Grants,
    *,
    scopes: Collection[str] | None = None,
    session_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> Principal:
    """Somebody as they may act now: the role's permissions, cut down to a credential's scopes."""
    held = ROLE_PERMISSIONS[grants.role]
    return Principal(
        kind=grants.kind,
        user_id=grants.user_id,
        role=grants.role,
        permissions=held if scopes is None else held & {Permission(scope) for scope in scopes if scope in held},
        name=grants.name,
        team_ids=grants.team_ids,
        led_team_ids=grants.led_team_ids,
        organization_id=grants.organization_id,
        sees_organization=grants.sees_organization,
        session_id=session_id,
        expires_at=expires_at,
    )
