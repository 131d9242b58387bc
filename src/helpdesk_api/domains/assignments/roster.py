"""People as takers of work: read and locked for a choice, and their load kept in step."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Table,
    Text,
    Update,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import STAFF_ROLES
from helpdesk_api.database import clock
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.types import AnySelect
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.assignments.models import Agent
from helpdesk_api.domains.assignments.rules import WEIGHTS, Candidate, LoadChange, Roster
from helpdesk_api.domains.teams.models import Team, TeamMember
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES
from helpdesk_api.domains.users.models import User

CANDIDATE_COLUMNS = (
    Agent.user_id,
    User.name,
    Agent.is_available,
    Agent.away_until,
    Agent.open_limit,
    Agent.open_load,
    Agent.open_count,
    Agent.last_assigned_at,
)


_IDS = ARRAY(Uuid(as_uuid=True))
_TEAM_IDS = bindparam("team_ids", type_=_IDS)
_HOLDERS = bindparam("holders", type_=_IDS)


def works_here() -> ColumnElement[bool]:
    """People of the staff who have not left; service accounts take no tickets."""
    on_staff = User.role == any_(literal(sorted(STAFF_ROLES), ARRAY(Text)))
    return and_(User.deactivated_at.is_(None), on_staff, User.kind == "user")


def candidate_of(row: Any) -> Candidate:
    return Candidate(**{column.key: row[column.key] for column in CANDIDATE_COLUMNS})


@cache
def _select_roster(*, lock: bool) -> CompiledStatement:
    """Each of `team_ids`, with its members that could work, as they are after any other transaction that holds them.

    People are locked in the order of their ids, as everywhere, so that no two choices wait for each other.
    """
    members = (
        select(TeamMember.team_id, *CANDIDATE_COLUMNS)
        .select_from(Agent)
        .join(TeamMember, TeamMember.user_id == Agent.user_id)
        .join(Team, Team.id == TeamMember.team_id)
        .join(User, User.id == Agent.user_id)
        .where(TeamMember.team_id == any_(_TEAM_IDS), Team.auto_assign, Team.archived_at.is_(None), works_here())
        .order_by(Agent.user_id)
    )
    if lock:
        members = members.with_for_update(of=Agent)
    return _with_teams(members)


@cache
def _select_roster_and_holder() -> CompiledStatement:
    """The same, with everybody locked in one go, whether or not they could work."""
    of_teams = select(TeamMember.user_id).where(TeamMember.team_id == any_(_TEAM_IDS))
    locked = (
        select(Agent)
        .where(Agent.user_id.in_(of_teams) | (Agent.user_id == any_(_HOLDERS)))
        .order_by(Agent.user_id)
        .with_for_update()
        .cte("locked")
    )
    columns = [User.name if column is User.name else locked.c[column.key] for column in CANDIDATE_COLUMNS]
    members = (
        select(TeamMember.team_id, *columns)
        .select_from(locked)
        .join(TeamMember, TeamMember.user_id == locked.c.user_id)
        .join(Team, Team.id == TeamMember.team_id)
        .join(User, User.id == locked.c.user_id)
        .where(TeamMember.team_id == any_(_TEAM_IDS), Team.auto_assign, Team.archived_at.is_(None), works_here())
    )
    return _with_teams(members)


def _with_teams(members: AnySelect) -> CompiledStatement:
    found = members.subquery("found")
    not_enrolled = (
        select(func.count())
        .select_from(TeamMember)
        .join(User, User.id == TeamMember.user_id)
        .outerjoin(Agent, Agent.user_id == TeamMember.user_id)
        .where(TeamMember.team_id == Team.id, works_here(), Agent.user_id.is_(None))
        .correlate(Team)
        .scalar_subquery()
    )
    return CompiledStatement(
        select(Team.id.label("of_team"), Team.auto_assign, not_enrolled.label("not_enrolled"), *found.c)
        .select_from(Team)
        .outerjoin(found, found.c.team_id == Team.id)
        .where(Team.id == any_(_TEAM_IDS), Team.archived_at.is_(None))
    )


async def read_roster(
    session: AsyncSession, team_ids: Sequence[UUID], *, lock: bool, holder: UUID | None = None
) -> Roster:
    """The teams that exist and are in use, with their members. One statement, but for people new to the desk.

    `holder` loses what is to be given: if they are of none of these teams, they are locked in their turn all the same,
    or two tickets that change places between two teams would wait for each other.
    """
    statement, parameters = _select_roster(lock=lock), {"team_ids": list(team_ids)}
    if holder is not None and lock:
        statement, parameters = _select_roster_and_holder(), {**parameters, "holders": [holder]}
    statements = await statements_of(session)
    rows = await statements.fetch(statement, parameters)
    if any(row["not_enrolled"] for row in rows):
        await _enrol(session, team_ids)
        rows = await statements.fetch(statement, parameters)
    roster = Roster()
    for row in rows:
        roster.teams.add(row["of_team"])
        if row["auto_assign"]:
            members = roster.members.setdefault(row["of_team"], [])
            if row["user_id"] is not None:
                members.append(row["user_id"])
                roster.people[row["user_id"]] = candidate_of(row)
    return roster


async def _enrol(session: AsyncSession, team_ids: Sequence[UUID]) -> None:
    """Every member of these teams gets a row among the agents."""
    members = (
        select(User.id, true(), literal(0), literal(0))
        .join(TeamMember, TeamMember.user_id == User.id)
        .where(TeamMember.team_id == any_(literal(list(team_ids), _IDS)), works_here())
        .distinct()
        .order_by(User.id)
    )
    columns = [Agent.user_id, Agent.is_available, Agent.open_load, Agent.open_count]
    await session.execute(insert(Agent).from_select(columns, members).on_conflict_do_nothing())


async def add_load(session: AsyncSession, changes: Sequence[LoadChange]) -> None:
    """One statement for all; the changes are ordered by person, which is the order in which rows are locked."""
    if not changes:
        return
    now = clock.now()
    values: dict[str, Any] = {}
    for n, change in enumerate(changes):
        values |= {f"user_{n}": change.user_id, f"load_{n}": change.load, f"count_{n}": change.count}
        values[f"assigned_{n}"] = now if change.was_assigned else None
    await (await statements_of(session)).fetch(_add_load_statement(len(changes)), values)


@lru_cache(maxsize=50)
def _add_load_statement(people: int) -> CompiledStatement:
    """Made once for each number of people: every write that moves work sends it."""
    table = cast("Table", Agent.__table__)
    rows = [
        {
            "user_id": bindparam(f"user_{n}", type_=table.c.user_id.type),
            "is_available": true(),
            "open_load": bindparam(f"load_{n}", type_=Integer),
            "open_count": bindparam(f"count_{n}", type_=Integer),
            "last_assigned_at": bindparam(f"assigned_{n}", type_=table.c.last_assigned_at.type),
        }
        for n in range(people)
    ]
    statement = insert(table).values(rows)
    fresh = statement.excluded
    added = statement.on_conflict_do_update(
        index_elements=[table.c.user_id],
        set_={
            "open_load": table.c.open_load + fresh.open_load,
            "open_count": table.c.open_count + fresh.open_count,
            "last_assigned_at": func.coalesce(fresh.last_assigned_at, table.c.last_assigned_at),
        },
    )
    return CompiledStatement(added)


async def recount_loads(session: AsyncSession) -> None:
    """Count everybody's load anew from the tickets, for rows that were written past this module (seeds, restores)."""
    everybody = select(User.id, true(), literal(0), literal(0)).where(works_here()).order_by(User.id)
    columns = [Agent.user_id, Agent.is_available, Agent.open_load, Agent.open_count]
    await session.execute(insert(Agent).from_select(columns, everybody).on_conflict_do_nothing())
    # Locked first, so that the sum is taken with nobody's change half done.
    await session.execute(select(Agent.user_id).order_by(Agent.user_id).with_for_update())
    await session.execute(_recount())


def _recount() -> Update:
    weight = case(*[(Ticket.priority == priority, points) for priority, points in WEIGHTS.items()], else_=0)
    held = (Ticket.assignee_id == Agent.user_id) & Ticket.status.in_(sorted(ACTIVE_STATUSES))
    load = select(func.coalesce(func.sum(weight), 0)).where(held).correlate(Agent).scalar_subquery()
    count = select(func.count()).select_from(Ticket).where(held).correlate(Agent).scalar_subquery()
    return update(Agent).values(open_load=load, open_count=count).execution_options(synchronize_session=False)
