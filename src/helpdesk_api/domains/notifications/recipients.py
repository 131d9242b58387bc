"""Who could be written to, with what is needed to judge whether they may read it."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.notifications.models import NotificationPreferences
from helpdesk_api.domains.teams.models import TeamMember
from helpdesk_api.domains.tickets.models import Ticket, TicketParticipant, TicketWatcher
from helpdesk_api.domains.users.models import User


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody by name; `address` is null for whom we do not write to: the deactivated, and service accounts.
    `unwanted` are the templates of mails that they do not want."""

    id: UUID
    name: str
    address: str | None
    locale: str | None
    time_zone: str | None
    principal: Principal
    unwanted: frozenset[str] = frozenset()


async def load_recipients(session: AsyncSession, ids: Collection[UUID | None]) -> dict[UUID, Recipient]:
    """By id, in one statement, with the grants they have now."""
    wanted = {user_id for user_id in ids if user_id is not None}
    if not wanted:
        return {}
    teams = select(func.array_agg(TeamMember.team_id)).where(TeamMember.user_id == User.id).scalar_subquery()
    unwanted = select(NotificationPreferences.unwanted).where(NotificationPreferences.user_id == User.id)
    rows = await session.execute(select(User, teams, unwanted.scalar_subquery()).where(User.id.in_(wanted)))
    return {user.id: _recipient(user, team_ids or [], unwanted or []) for user, team_ids, unwanted in rows}


def _recipient(user: User, team_ids: list[UUID], unwanted: list[str]) -> Recipient:
    is_reachable = user.kind == "user" and user.deactivated_at is None
    return Recipient(
        id=user.id,
        name=user.name,
        address=user.email if is_reachable else None,
        locale=user.locale,
        time_zone=user.time_zone,
        principal=Principal(
            kind="user",
            user_id=user.id,
            role=user.role,
            permissions=frozenset(),
            name=user.name,
            team_ids=frozenset(team_ids),
            organization_id=user.organization_id,
            sees_organization=user.sees_organization,
        ),
        unwanted=frozenset(unwanted),
    )


async def participant_ids(session: AsyncSession, ticket: Ticket) -> set[UUID]:
    return set(await session.scalars(select(TicketParticipant.user_id).where(TicketParticipant.ticket_id == ticket.id)))


async def watcher_ids(session: AsyncSession, ticket: Ticket) -> set[UUID]:
    return set(await session.scalars(select(TicketWatcher.user_id).where(TicketWatcher.ticket_id == ticket.id)))


async def member_ids(session: AsyncSession, team_id: UUID | None) -> list[UUID]:
    statement = select(TeamMember.user_id).where(TeamMember.team_id == team_id).order_by(TeamMember.user_id)
    return list(await session.scalars(statement))


async def team_lead_ids(session: AsyncSession, team_id: UUID | None) -> list[UUID]:
    leads = (TeamMember.team_id == team_id, TeamMember.is_lead)
    return list(await session.scalars(select(TeamMember.user_id).where(*leads).order_by(TeamMember.user_id)))
