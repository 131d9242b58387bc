"""Giving tickets to people and teams: by hand, and to whoever is free next. The caller holds the ticket's lock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import case, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.assignments.decisions import Decision
from helpdesk_api.domains.assignments.enums import DecidedBy, DecisionStep
from helpdesk_api.domains.assignments.errors import (
    AssigneeNotEligible,
    AssignmentTargetMissing,
    NobodyAvailable,
    TeamRequired,
)
from helpdesk_api.domains.assignments.roster import read_roster
from helpdesk_api.domains.assignments.rules import Roster
from helpdesk_api.domains.assignments.schemas import AssignmentCreate
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.domains.teams.queries import archived_within, require_takes_tickets
from helpdesk_api.domains.tickets import events
from helpdesk_api.domains.tickets.actions import apply, require
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.errors import TicketAlreadyAssigned
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.opening import can_work, flush_checked
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES
from helpdesk_api.outbox.events import Cause
from helpdesk_api.web.errors import UnknownReference

WAITING_BATCH = 50
# Critical first: the enum's members go from low to critical.
PRIORITY_RANK = case(*[(Ticket.priority == member, place) for place, member in enumerate(Priority)], else_=0)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a ticket shall go, and who or what says so."""

    team_id: UUID | None
    assignee_id: UUID | None
    awaits_member: bool
    by: DecidedBy
    reason: str
    name: str | None = None
    # Nobody chose the assignee: whoever has it keeps it, as it is.
    is_kept: bool = False


async def assign_ticket(
    session: AsyncSession, database: Database, principal: Principal, ticket: Ticket, body: AssignmentCreate
) -> tuple[list[Decision], str | None]:
    """The steps that it took, none when nothing had to change, and the assignee's name.

    Raises `action_forbidden`, `transition_not_allowed`, `ticket_already_assigned`, `assignee_not_eligible`,
    `assignment_target_missing`, `team_required`, `nobody_available` and `unknown_reference`.
    """
    require(principal, ticket, TicketAction.ASSIGN)
    given = body.model_fields_set
    if given >= {"strategy", "assignee_id"}:
        raise AssignmentTargetMissing(pointer="#/strategy")
    if "expected_assignee_id" in given and body.expected_assignee_id != ticket.assignee_id:
        raise TicketAlreadyAssigned(ticket.assignee_id, await _name_of(database, ticket.assignee_id))
    team_id = body.team_id if "team_id" in given else ticket.team_id
    if team_id != ticket.team_id:
        await require_takes_tickets(database, team_id)
    if "assignee_id" in given:
        target = await _by_name(database, principal, ticket, body, team_id)
    elif given & {"strategy", "team_id"}:
        target = await _by_load(session, database, ticket, team_id, only_free="strategy" in given)
    else:
        raise AssignmentTargetMissing(pointer="#/assignee_id")
    decisions = _decisions(ticket, target, body.reason)
    await _give(session, principal, ticket, target, decisions)
    await flush_checked(session)
    return decisions, target.name


async def _by_name(
    database: Database, principal: Principal, ticket: Ticket, body: AssignmentCreate, team_id: UUID | None
) -> _Target:
    if body.assignee_id is None:
        reason = f"{principal.name} took it off its assignee."
        return _Target(team_id, None, awaits_member=False, by=DecidedBy.MANUAL, reason=reason)
    takes = body.assignee_id == "me"
    wanted = principal.user_id if takes else parse_id("usr", body.assignee_id)
    takes = wanted == principal.user_id
    if takes and ticket.assignee_id not in {None, wanted} and not body.replace:
        raise TicketAlreadyAssigned(ticket.assignee_id, await _name_of(database, ticket.assignee_id))
    grants = await GRANTS.get(database, wanted.hex)
    if grants is None:
        raise UnknownReference(pointer="#/assignee_id")
    if not can_work(grants, team_id):
        raise AssigneeNotEligible(pointer="#/assignee_id")
    reason = f"{principal.name} took it." if takes else f"{principal.name} chose {grants.name}."
    return _Target(team_id, wanted, awaits_member=False, by=DecidedBy.MANUAL, reason=reason, name=grants.name)


async def _by_load(
    session: AsyncSession, database: Database, ticket: Ticket, team_id: UUID | None, *, only_free: bool
) -> _Target:
    """To the team's free member with the least load. `only_free` asks for somebody, not just for the team."""
    if team_id is None:
        raise TeamRequired(pointer="#/strategy")
    stays = team_id == ticket.team_id and ticket.assignee_id is not None
    if stays and not only_free:
        name = await _name_of(database, ticket.assignee_id)
        kept = _Target(team_id, ticket.assignee_id, awaits_member=False, by=DecidedBy.MANUAL, reason="", name=name)
        return replace(kept, is_kept=True)
    roster = await read_roster(session, [team_id], lock=True, holder=ticket.assignee_id)
    if team_id not in roster.teams:
        raise UnknownReference(pointer="#/team_id")
    if only_free and not roster.assigns(team_id):
        message = "This team leaves assigning to people."
        raise NobodyAvailable(message)
    target = pick(roster, ticket, team_id, DecidedBy.LEAST_LOADED, excluding=ticket.assignee_id)
    if target.assignee_id is None and stays:
        raise NobodyAvailable
    return target


def pick(roster: Roster, ticket: Any, team_id: UUID | None, by: DecidedBy, *, excluding: UUID | None = None) -> _Target:
    """What automatic assignment does with a ticket of this team; the roster counts it at once."""
    if not roster.assigns(team_id):
        if team_id is None:
            reason = "It has no team."
        elif team_id in roster.teams:
            reason = "This team leaves assigning to people."
        else:
            reason = "This team is archived, so its tickets are given by people."
        return _Target(team_id, None, awaits_member=False, by=DecidedBy.DEFAULT, reason=reason)
    chosen = roster.assign(team_id, ticket.priority, clock.now(), excluding=excluding)
    if chosen is None:
        # What is done waits for nobody.
        awaits = ticket.status in ACTIVE_STATUSES
        reason = "Everybody in the team is away or at their limit, so it waits for the next free member."
        return _Target(team_id, None, awaits_member=awaits, by=DecidedBy.NOBODY_AVAILABLE, reason=reason)
    why = {
        DecidedBy.NEXT_FREE: "is the next free member",
        DecidedBy.HANDOVER: "takes it over",
    }.get(by, "is free")
    reason = f"{chosen.name} {why}, with the least open load ({chosen.open_load} in {chosen.open_count} tickets)."
    return _Target(team_id, chosen.user_id, awaits_member=False, by=by, reason=reason, name=chosen.name)


def _decisions(ticket: Ticket, target: _Target, reason: str | None) -> list[Decision]:
    found = []
    if target.team_id != ticket.team_id:
        why = reason or "It was handed to this team."
        by = DecidedBy.ESCALATION if target.by is DecidedBy.ESCALATION else DecidedBy.MANUAL
        found.append(Decision(DecisionStep.TEAM, ticket.team_id, target.team_id, by, why))
    if target.assignee_id != ticket.assignee_id or target.awaits_member != ticket.awaits_member:
        why = reason if reason and target.by is DecidedBy.MANUAL else target.reason
        found.append(Decision(DecisionStep.ASSIGNEE, ticket.assignee_id, target.assignee_id, target.by, why))
    return found


async def _give(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    target: _Target,
    decisions: Sequence[Decision],
    *,
    cause: Cause | None = None,
) -> None:
    changed = target.assignee_id != ticket.assignee_id
    assigned_at = clock.now() if target.assignee_id is not None else None
    values = {
        "team_id": target.team_id,
        "assignee_id": target.assignee_id,
        "assigned_at": assigned_at if changed else ticket.assigned_at,
        "awaits_member": target.awaits_member,
        "needs_reassignment": ticket.needs_reassignment and target.is_kept,
    }
    await apply(
        session,
        principal,
        ticket,
        events.TicketAssigned,
        values,
        internal_data={"decisions": [decision.as_json() for decision in decisions]},
        cause=cause,
    )


async def give_by_itself(
    session: AsyncSession,
    ticket: Ticket,
    roster: Roster,
    by: DecidedBy,
    *,
    principal: Principal | None = None,
    excluding: UUID | None = None,
    cause: Cause | None = None,
) -> _Target:
    """Give a locked ticket to whom a locked roster says."""
    target = pick(roster, ticket, ticket.team_id, by, excluding=excluding)
    await _give(
        session,
        principal or Principal.system(),
        ticket,
        target,
        _decisions(ticket, target, None),
        cause=cause,
    )
    return target


async def hand_over_to(
    session: AsyncSession,
    ticket: Ticket,
    *,
    team_id: UUID | None,
    user_id: UUID | None,
    reason: str,
    cause: Cause | None = None,
) -> bool:
    """By the product itself: to a person who may hold it, or to a team's free member. False when nobody there can."""
    team = team_id if team_id is not None else ticket.team_id
    if team != ticket.team_id and team in await archived_within(session):
        return False
    if user_id is not None:
        grants = await GRANTS.get_within(session, user_id.hex)
        if grants is None or not can_work(grants, team):
            return False
        target = _Target(team, user_id, awaits_member=False, by=DecidedBy.ESCALATION, reason=reason, name=grants.name)
    else:
        teams = [team] if team is not None else []
        roster = await read_roster(session, teams, lock=True, holder=ticket.assignee_id)
        if team not in roster.teams:
            return False
        target = pick(roster, ticket, team, DecidedBy.ESCALATION, excluding=ticket.assignee_id)
    if (target.team_id, target.assignee_id) == (ticket.team_id, ticket.assignee_id):
        return False
    decisions = _decisions(ticket, target, None)
    await _give(session, Principal.system(), ticket, target, decisions, cause=cause)
    return True


async def assign_waiting(session: AsyncSession, team_id: UUID, *, cause: Cause | None = None) -> int:
    """Give the team's waiting tickets to its free members, most urgent and oldest first; returns how many.

    Tickets are locked before people, as everywhere. One that somebody else holds is left for the next time, and
    who comes second finds it no longer waiting, so each is given once.
    """
    waiting = (
        select(Ticket)
        .where(Ticket.team_id == team_id, Ticket.awaits_member, Ticket.status.in_(sorted(ACTIVE_STATUSES)))
        .order_by(PRIORITY_RANK.desc(), Ticket.created_at, Ticket.id)
        .limit(WAITING_BATCH)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    tickets = (await session.execute(waiting)).scalars().all()
    if not tickets:
        return 0
    roster = await read_roster(session, [team_id], lock=True)
    given = 0
    for ticket in tickets:
        target = await give_by_itself(session, ticket, roster, DecidedBy.NEXT_FREE, cause=cause)
        if target.awaits_member:
            break
        given += target.assignee_id is not None
    await session.flush()
    return given


async def flag_for_reassignment(
    session: AsyncSession, user_id: UUID, *, needs: bool, cause: Cause | None = None
) -> int:
    """Mark the open tickets of somebody who has left; they keep their assignee until somebody decides, or the mark is
    taken off since the assignee is back."""
    theirs = (
        select(Ticket)
        .where(
            Ticket.assignee_id == user_id,
            Ticket.status.in_(sorted(ACTIVE_STATUSES)),
            Ticket.needs_reassignment.is_(not needs),
        )
        .order_by(Ticket.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    tickets = (await session.execute(theirs)).scalars().all()
    for ticket in tickets:
        values = {"needs_reassignment": needs}
        await apply(session, Principal.system(), ticket, events.TicketFlagged, values, cause=cause)
    return len(tickets)


async def _name_of(database: Database, user_id: UUID | None) -> str | None:
    grants = await GRANTS.get(database, user_id.hex) if user_id is not None else None
    return grants.name if grants is not None else None
