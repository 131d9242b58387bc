"""What changes teams. Membership is a right: it invalidates the member's grants in its own transaction."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization import grants
from helpdesk_api.authorization.permissions import STAFF_ROLES
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.teams import events, policy, queries
from helpdesk_api.domains.teams.errors import MemberNotFound, NotStaff, NotYourTeam, TeamArchived, TeamNameTaken
from helpdesk_api.domains.teams.models import Team, TeamMember
from helpdesk_api.domains.teams.schemas import MemberPut, TeamCreate, TeamUpdate
from helpdesk_api.domains.users.models import User
from helpdesk_api.domains.users.rules import normalized_email
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.schemas import instant_text


async def create_team(session: AsyncSession, principal: Principal, body: TeamCreate) -> Team:
    """Raises `team_name_taken` and `invalid_email`; by administrators alone."""
    if not principal.is_admin:
        raise NotYourTeam
    now = clock.now()
    team = Team(id=new_id(), created_at=now, updated_at=now, version=1, **_checked(body.model_dump()))
    session.add(team)
    await _flush(session)
    await _record(session, principal, team, events.TeamCreated, changes={"name": (None, team.name)})
    return team


async def update_team(session: AsyncSession, principal: Principal, team: Team, body: TeamUpdate) -> None:
    """Raises `not_your_team`, `team_name_taken` and `invalid_email`."""
    _require(principal, team)
    values = _checked(body.model_dump(exclude_unset=True))
    changes = {name: (getattr(team, name), value) for name, value in values.items() if getattr(team, name) != value}
    if not changes:
        return
    for name, value in values.items():
        setattr(team, name, value)
    team.version += 1
    team.updated_at = clock.now()
    await _flush(session)
    await _record(session, principal, team, events.TeamUpdated, changes=changes)


async def archive_team(session: AsyncSession, principal: Principal, team: Team) -> None:
    """Idempotent. Its tickets stay with it; it takes no new ones."""
    _require(principal, team)
    if team.archived_at is not None:
        return
    team.archived_at = team.updated_at = clock.now()
    team.version += 1
    await invalidate(session, queries.ARCHIVED)
    changes = {"archived_at": (None, instant_text(team.archived_at))}
    await _record(session, principal, team, events.TeamArchived, changes=changes)


async def put_member(session: AsyncSession, principal: Principal, team: Team, user_id: UUID, body: MemberPut) -> None:
    """Idempotent. Raises `not_staff` for requesters, the deactivated and the unknown."""
    _require(principal, team)
    if team.archived_at is not None:
        raise TeamArchived
    user = await session.get(User, user_id)
    if user is None or user.deactivated_at is not None or user.role not in STAFF_ROLES:
        raise NotStaff(params={"user_id": public_id("usr", user_id)})
    before = await session.get(TeamMember, (team.id, user_id))
    if before is not None and before.is_lead == body.is_lead:
        return
    values = {"team_id": team.id, "user_id": user_id, "is_lead": body.is_lead}
    await session.execute(
        insert(TeamMember)
        .values(**values)
        .on_conflict_do_update(index_elements=["team_id", "user_id"], set_={"is_lead": body.is_lead})
    )
    await invalidate(session, grants.CACHE, user_id.hex)
    data = {"user_id": public_id("usr", user_id), "is_lead": body.is_lead}
    await _record(session, principal, team, events.MemberAdded, data=data)


async def remove_member(session: AsyncSession, principal: Principal, team: Team, user_id: UUID) -> None:
    """Raises `member_not_found`. What is assigned to them stays so."""
    _require(principal, team)
    removed = await session.scalar(
        delete(TeamMember)
        .where(TeamMember.team_id == team.id, TeamMember.user_id == user_id)
        .returning(TeamMember.user_id)
    )
    if removed is None:
        raise MemberNotFound
    await invalidate(session, grants.CACHE, user_id.hex)
    await _record(session, principal, team, events.MemberRemoved, data={"user_id": public_id("usr", user_id)})


async def remove_from_all_teams(session: AsyncSession, principal: Principal, user_id: UUID) -> None:
    """Of whoever may no longer be of one; each team's history says so."""
    left = delete(TeamMember).where(TeamMember.user_id == user_id).returning(TeamMember.team_id)
    for team_id in (await session.scalars(left)).all():
        team = await session.get_one(Team, team_id)
        await _record(session, principal, team, events.MemberRemoved, data={"user_id": public_id("usr", user_id)})
    await invalidate(session, grants.CACHE, user_id.hex)


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    if values.get("email") is None:
        return dict(values)
    return {**values, "email": normalized_email(values["email"])}


def _require(principal: Principal, team: Team) -> None:
    if not policy.may_configure(principal, team.id):
        raise NotYourTeam


async def _flush(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        name = str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", "") or "")
        if name == "uq_teams_name":
            raise TeamNameTaken(pointer="#/name") from error
        raise


async def _record(
    session: AsyncSession,
    principal: Principal,
    team: Team,
    kind: type[events.TeamEvent],
    *,
    changes: dict[str, tuple[Any, Any]] | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    event = kind(
        subject_id=team.id,
        visibility=Visibility.INTERNAL,
        changes=changes or {},
        data={"team_id": public_id("tea", team.id), **(data or {})},
        entity=team,
    )
    await record(session, principal, event)
