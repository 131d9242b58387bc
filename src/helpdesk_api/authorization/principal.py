"""Who is calling, with everything that a decision needs; made without a statement on the hot path."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from helpdesk_api.authorization.permissions import STAFF_ROLES, Permission, Role

PrincipalKind = Literal["user", "service", "system"]
SYSTEM_ID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Principal:
    """`permissions` are the role's, cut down to the token's or key's scopes; `team_ids` include the led ones.

    `expires_at` is the credential's end: whoever stays connected is cut off then.
    """

    kind: PrincipalKind
    user_id: UUID
    role: Role
    permissions: frozenset[Permission]
    name: str
    team_ids: frozenset[UUID] = field(default=frozenset())
    led_team_ids: frozenset[UUID] = field(default=frozenset())
    organization_id: UUID | None = None
    sees_organization: bool = False
    session_id: UUID | None = None
    expires_at: datetime | None = None

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF_ROLES

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN

    def has(self, permission: Permission) -> bool:
        return permission in self.permissions

    @classmethod
    def system(cls) -> "Principal":
        """The product itself: timers, routing, the command line."""
        return _SYSTEM


_SYSTEM = Principal(
    kind="system",
    user_id=SYSTEM_ID,
    role=Role.ADMIN,
    permissions=frozenset(Permission),
    name="Helpdesk",
)
