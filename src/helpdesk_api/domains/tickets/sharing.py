"""Whose a text or an action is that the staff has made for its work: one's own, a team's, or everybody's."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.turns import take_turn
from helpdesk_api.domains.teams.policy import may_configure
from helpdesk_api.domains.teams.queries import require_known_and_takes_tickets
from helpdesk_api.domains.tickets.enums import Refusal
from helpdesk_api.domains.tickets.policy import any_of
from helpdesk_api.web.errors import Forbidden, Unprocessable
from helpdesk_api.web.schemas import ResponseModel


class SharingScope(StrEnum):
    """Who has it at hand: its owner, a team's members, or all staff."""

    PERSONAL = "personal"
    TEAM = "team"
    SHARED = "shared"


class RecordAction(StrEnum):
    """What a caller may be able to do with a record of the desk."""

    UPDATE = "update"
    DELETE = "delete"


class RecordAllowance(ResponseModel):
    """One thing that the caller may or may not do with this record, and why not."""

    action: RecordAction
    allowed: bool
    reason_code: Refusal | None = Field(description="Null when it is allowed.")
    required_fields: list[str] = Field(max_length=10, description="What its body must hold.")


Allowances = Annotated[list[RecordAllowance], Field(max_length=10)]


class SharingForbidden(Forbidden):
    """A personal one is its owner's, a team's its supervisors', a shared one the administrators'; requesters have
    none."""

    code = "sharing_forbidden"
    title = "Others look after what is shared like this"


class SharingTeamRequired(Unprocessable):
    code = "sharing_team_required"
    title = "What is a team's names its team, and nothing else names one"


def readable(principal: Principal, kind: Any) -> ColumnElement[bool]:
    """For a table with `scope`, `owner_id` and `team_id`."""
    if not principal.is_staff:
        return false()
    own = (kind.scope == SharingScope.PERSONAL) & (kind.owner_id == principal.user_id)
    of_team = kind.scope == SharingScope.TEAM
    if not principal.is_admin:
        of_team &= any_of(kind.team_id, principal.team_ids)
    return or_(own, of_team, kind.scope == SharingScope.SHARED)


async def count_same(session: AsyncSession, kind: Any, scope: StrEnum, owner_id: UUID, team_id: UUID | None) -> int:
    """What one limit counts together: somebody's own, a team's, or all that is shared. So nobody's list is full because
    of what others made, and what everybody sees is in it. One after the other, for whoever adds to them."""
    same: ColumnElement[bool] = kind.scope == scope
    whose = None
    if scope == SharingScope.PERSONAL:
        same, whose = same & (kind.owner_id == owner_id), owner_id
    elif scope == SharingScope.TEAM:
        same, whose = same & (kind.team_id == team_id), team_id
    await take_turn(session, kind.__tablename__, scope, whose)
    return await session.scalar(select(func.count()).select_from(kind).where(same)) or 0


def may_write(principal: Principal, scope: SharingScope, owner_id: UUID, team_id: UUID | None) -> bool:
    if not principal.is_staff:
        return False
    if scope is SharingScope.PERSONAL:
        return owner_id == principal.user_id
    if scope is SharingScope.TEAM:
        return team_id is not None and may_configure(principal, team_id)
    return principal.has(Permission.CONFIGURATION_WRITE)


async def check_sharing(session: AsyncSession, principal: Principal, scope: SharingScope, team_id: UUID | None) -> None:
    """For a new one. Raises `sharing_team_required`, `unknown_reference` and `sharing_forbidden`."""
    if (scope is SharingScope.TEAM) != (team_id is not None):
        raise SharingTeamRequired(pointer="#/team_id")
    if team_id is not None:
        await require_known_and_takes_tickets(session, team_id, "#/team_id")
    require_writer(principal, scope, principal.user_id, team_id)


def require_writer(principal: Principal, scope: SharingScope, owner_id: UUID, team_id: UUID | None) -> None:
    """Raises `sharing_forbidden`."""
    if not may_write(principal, scope, owner_id, team_id):
        raise SharingForbidden


def allowances(*, may: bool, has_scope: bool) -> list[dict[str, Any]]:
    """Changing and deleting are one right."""
    allowed = may and has_scope
    reason = None if allowed else Refusal.NOT_PERMITTED if has_scope else Refusal.SCOPE_MISSING
    return [
        {"action": action, "allowed": allowed, "reason_code": reason, "required_fields": []} for action in RecordAction
    ]


def shared_allowances(principal: Principal, row: Any) -> list[dict[str, Any]]:
    """Of a row with `scope`, `owner_id` and `team_id`."""
    may = may_write(principal, SharingScope(row["scope"]), row["owner_id"], row["team_id"])
    return allowances(may=may, has_scope=principal.has(Permission.TICKETS_WRITE))
