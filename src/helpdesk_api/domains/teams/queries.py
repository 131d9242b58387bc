"""Reads of teams; for staff, who see all of them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.cache import InvalidatedCache
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.teams.errors import TeamNotFound
from helpdesk_api.domains.teams.models import Team, TeamMember
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.errors import UnknownReference
from helpdesk_api.web.listing import PageRequest, SortKey, page_of, parse_sort

COLUMNS = (
    Team.id,
    Team.name,
    Team.description,
    Team.email,
    Team.auto_assign,
    Team.archived_at,
    Team.created_at,
    Team.updated_at,
    Team.version,
)
SORTS = {
    "name": SortKey("name", Team.name, str),
    "created_at": SortKey("created_at", Team.created_at, datetime),
}
MAX_MEMBERS = 200
ARCHIVED = "archived_teams"


async def _load_archived(reads: ReadSession, key: str) -> frozenset[UUID]:
    del key
    return frozenset(row["id"] for row in await reads.fetch(select(Team.id).where(Team.archived_at.is_not(None))))


_archived: InvalidatedCache[frozenset[UUID]] = InvalidatedCache(ARCHIVED, _load_archived)


async def require_takes_tickets(database: Database, team_id: UUID | None) -> None:
    """Raises `unknown_reference` for an archived team: it keeps what it has. Says nothing of teams that are unknown."""
    if team_id is not None:
        _refuse_archived(team_id, await _archived.get(database), "#/team_id")


async def require_takes_tickets_within(session: AsyncSession, team_id: UUID | None, pointer: str = "#/team_id") -> None:
    """The same, inside a transaction that writes down where tickets shall go. What named the team before is not asked
    again."""
    if team_id is not None:
        _refuse_archived(team_id, await archived_within(session), pointer)


async def require_known_and_takes_tickets(session: AsyncSession, team_id: UUID, pointer: str) -> None:
    """The same where no foreign key says in time that there is no such team: of what is kept as JSON, or of what is
    judged by its team before it is written."""
    if await session.get(Team, team_id) is None:
        raise UnknownReference(pointer=pointer)
    await require_takes_tickets_within(session, team_id, pointer)


def _refuse_archived(team_id: UUID, archived: Collection[UUID], pointer: str) -> None:
    if team_id in archived:
        message = "This team is archived and takes no new tickets."
        raise UnknownReference(message, pointer=pointer)


async def archived_within(session: AsyncSession) -> Collection[UUID]:
    """The teams that take no tickets any more, for a decision inside a transaction."""
    return await _archived.get_within(session)


async def get_team(reads: ReadSession, team_id: UUID) -> Any:
    """Raises `team_not_found`."""
    row = await reads.fetch_one(select(*COLUMNS).where(Team.id == team_id))
    if row is None:
        raise TeamNotFound
    return row


async def lock_team(session: AsyncSession, team_id: UUID) -> Team:
    """Raises `team_not_found`."""
    found = await session.get(Team, team_id, with_for_update={"key_share": True})
    if found is None:
        raise TeamNotFound
    return found


async def list_teams(
    reads: ReadSession, page: PageRequest, *, is_archived: bool | None, sort: str | None
) -> dict[str, Any]:
    statement: AnySelect = select(*COLUMNS)
    if is_archived is not None:
        statement = statement.where(Team.archived_at.is_not(None) if is_archived else Team.archived_at.is_(None))
    keys = parse_sort(sort, SORTS, "name")
    return await page_of(reads, statement, [*keys, SortKey("id", Team.id, UUID, keys[-1].descending)], page)


async def list_members(reads: ReadSession, team_id: UUID) -> list[dict[str, Any]]:
    rows = await reads.fetch(
        select(
            TeamMember.user_id,
            User.name,
            User.role,
            TeamMember.is_lead,
            User.deactivated_at.is_(None).label("is_active"),
        )
        .join(User, User.id == TeamMember.user_id)
        .where(TeamMember.team_id == team_id)
        .order_by(User.name, User.id)
        .limit(MAX_MEMBERS)
    )
    return [dict(row) for row in rows]
