"""What follows from events: routing and loads inside the transaction, the next free member after it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.domains.assignments import actions, jobs, queries
from helpdesk_api.domains.assignments.advice import advice_on
from helpdesk_api.domains.assignments.decisions import Decision, Routing
from helpdesk_api.domains.assignments.enums import DecidedBy, DecisionStep
from helpdesk_api.domains.assignments.roster import add_load, read_roster, works_here
from helpdesk_api.domains.assignments.rules import Holding, frees_capacity, load_changes
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.domains.categories.queries import categories_within, matrix_within
from helpdesk_api.domains.teams.models import Team, TeamMember
from helpdesk_api.domains.teams.queries import archived_within
from helpdesk_api.domains.tickets.actions import change
from helpdesk_api.domains.tickets.enums import PrioritySource, TicketStatus
from helpdesk_api.domains.tickets.events import TicketCreated, TicketEvent, TicketReopened
from helpdesk_api.domains.tickets.models import Ticket, number_as
from helpdesk_api.domains.tickets.opening import can_work
from helpdesk_api.domains.users.events import UserUpdated
from helpdesk_api.domains.users.models import User
from helpdesk_api.jobs.queue import enqueue_many
from helpdesk_api.outbox.events import Cause
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.web.errors import UnknownReference

# Whose values are words; the others' are ids.
_SPELLED = frozenset({DecisionStep.TYPE, DecisionStep.PRIORITY})
_NOBODY = Holding(None, TicketStatus.OPEN, Priority.LOW)
_BY_SOURCE: Mapping[PrioritySource, DecidedBy] = {
    PrioritySource.MATRIX: DecidedBy.MATRIX,
    PrioritySource.RULE: DecidedBy.RULE,
    PrioritySource.CATEGORY: DecidedBy.CATEGORY_DEFAULT,
    PrioritySource.MODEL: DecidedBy.MODEL,
    PrioritySource.DEFAULT: DecidedBy.DEFAULT,
    PrioritySource.MANUAL: DecidedBy.MANUAL,
}


async def route(session: AsyncSession, principal: Principal, event: TicketCreated) -> None:
    """Decide type, category, priority, team and assignee of a ticket not yet written: one SELECT, one upsert."""
    del principal
    ticket: Ticket = event.entity
    explicit = frozenset(event.data.get("explicit", ()))
    advice = await advice_on(session, ticket)
    for name, value in advice.facts.items():
        setattr(ticket, name, value)
    categories, matrix = await categories_within(session), await matrix_within(session)
    archived = await archived_within(session)
    routing = Routing(ticket, explicit, categories, matrix, advice.opinions, archived)
    decisions = routing.decide(await queries.rules_within(session))
    if DecisionStep.TYPE in routing.decided:
        number_as(ticket, ticket.type)
    if ticket.assignee_id is not None:
        await _require_fit(session, ticket.assignee_id, ticket.team_id)
    elif ticket.team_id is not None:
        decisions.append(await _choose_assignee(session, ticket, is_explicit="team" in explicit))
    if ticket.assignee_id is not None:
        ticket.assigned_at = ticket.created_at
        await add_load(session, load_changes(_NOBODY, _holding(ticket)))
    event.internal_data |= advice.kept
    event.internal_data["decisions"] = [decision.as_json() for decision in decisions]


async def _require_fit(session: AsyncSession, assignee_id: UUID, team_id: UUID | None) -> None:
    """The caller's choice holds for the team that was decided on, as any later assignment must."""
    grants = await GRANTS.get_within(session, assignee_id.hex)
    if team_id is not None and (grants is None or not can_work(grants, team_id)):
        message = f"It goes to the team {public_id('tea', team_id)}, which the assignee is not of. Name theirs as well."
        raise UnknownReference(message, pointer="#/assignee_id")


async def _choose_assignee(session: AsyncSession, ticket: Ticket, *, is_explicit: bool) -> Decision:
    roster = await read_roster(session, [ticket.team_id] if ticket.team_id is not None else [], lock=True)
    if ticket.team_id not in roster.teams and is_explicit:
        raise UnknownReference(pointer="#/team_id")
    target = actions.pick(roster, ticket, ticket.team_id, DecidedBy.LEAST_LOADED)
    ticket.assignee_id = target.assignee_id
    ticket.awaits_member = target.awaits_member
    return Decision(DecisionStep.ASSIGNEE, None, target.assignee_id, target.by, target.reason)


def _holding(ticket: Ticket) -> Holding:
    return Holding(ticket.assignee_id, ticket.status, ticket.priority)


async def keep_load(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """One upsert when assignee, status or priority changed; the values before come from the event."""
    del principal
    ticket: Ticket = event.entity
    changes = event.changes
    if not {"assignee_id", "status", "priority"} & changes.keys():
        return
    before = Holding(
        _user(changes["assignee_id"][0]) if "assignee_id" in changes else ticket.assignee_id,
        TicketStatus(changes["status"][0]) if "status" in changes else ticket.status,
        Priority(changes["priority"][0]) if "priority" in changes else ticket.priority,
    )
    await add_load(session, load_changes(before, _holding(ticket)))


def _user(shown: str | None) -> UUID | None:
    return parse_id("usr", shown) if shown is not None else None


async def note_decisions(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """Every change of category, priority, team or assignee says who decided it, whichever operation made it."""
    del session
    if "decisions" in event.internal_data:
        return
    ticket: Ticket = event.entity
    steps = []
    for step in DecisionStep:
        name = step.value if step in _SPELLED else f"{step}_id"
        if name in event.changes:
            before, after = event.changes[name]
            steps.append(_noted(step, before, after, principal, ticket))
        elif step is DecisionStep.PRIORITY and "priority_source" in event.internal_changes:
            # The same again, and decided by somebody or something else.
            steps.append(_noted(step, ticket.priority, ticket.priority, principal, ticket))
    if steps:
        event.internal_data["decisions"] = steps


def _noted(step: DecisionStep, before: Any, after: Any, principal: Principal, ticket: Ticket) -> dict[str, Any]:
    by, reason = DecidedBy.MANUAL, f"{principal.name} changed it."
    if step is DecisionStep.ASSIGNEE and after is not None and _user(after) == principal.user_id:
        reason = f"{principal.name} took it."
    elif step is DecisionStep.PRIORITY:
        by = _BY_SOURCE[ticket.priority_source]
        if by is DecidedBy.MATRIX:
            reason = "Impact and urgency give this priority."
        elif ticket.priority_reason:
            reason = ticket.priority_reason
    noted = Decision(step, None, None, by, reason).as_json()
    return {**noted, "from": before, "value": after}


async def settle_reopened(session: AsyncSession, principal: Principal, event: TicketReopened) -> None:
    """Work that begins again has somebody who is there, or says that it has not: nobody looked while it was done."""
    del principal
    ticket: Ticket = event.entity
    if ticket.assignee_id is not None:
        grants = await GRANTS.get_within(session, ticket.assignee_id.hex)
        values = {"needs_reassignment": grants is None or not grants.takes_work}
    else:
        assigning = select(Team.id).where(Team.id == ticket.team_id, Team.auto_assign, Team.archived_at.is_(None))
        values = {"awaits_member": await session.scalar(assigning) is not None}
    _, changed = change(ticket, values)
    event.internal_changes |= changed


async def serve_reopened(session: AsyncSession, row: EventRow) -> None:
    """After a ticket reopened that nobody has: somebody of its team may be free already."""
    if "awaits_member" in row.internal_changes:
        team_id = await session.scalar(select(Ticket.team_id).where(Ticket.id == row.ticket_id, Ticket.awaits_member))
        if team_id is not None:
            await actions.assign_waiting(session, team_id, cause=Cause(row.id, depth=row.cause_depth + 1))


async def give_to_next_free(session: AsyncSession, row: EventRow) -> None:
    """After a ticket's event that frees somebody, or an agent's that makes them free: their teams' waiting tickets."""
    if row.subject_type == "user":
        await _serve_teams_of(session, row.subject_id, row)
    elif frees_capacity(row.changes):
        await _serve_teams_of(session, await _freed_by(session, row), row)


async def _freed_by(session: AsyncSession, row: EventRow) -> UUID | None:
    if "assignee_id" in row.changes:
        return _user(row.changes["assignee_id"][0])
    return await session.scalar(select(Ticket.assignee_id).where(Ticket.id == row.ticket_id))


async def _serve_teams_of(session: AsyncSession, user_id: UUID | None, row: EventRow) -> None:
    """A job for each team with waiting tickets, since one transaction locks the people of one team only."""
    if user_id is None:
        return
    teams = select(TeamMember.team_id).where(
        TeamMember.user_id == user_id,
        select(Ticket.id).where(Ticket.team_id == TeamMember.team_id, Ticket.awaits_member).exists(),
    )
    found = (await session.scalars(teams)).all()
    depth = row.cause_depth + 1
    await enqueue_many(session, [jobs.serve_team(team_id, event_id=row.id, depth=depth) for team_id in found])


async def flag_open_tickets(session: AsyncSession, row: EventRow) -> None:
    """After somebody left, came back, or changed their role: what they have needs somebody else, or no more.

    By how they stand now, since of two such events the first may be looked at last.
    """
    if row.type == UserUpdated.type and "role" not in row.changes:
        return
    standing = select(User.id).where(User.id == row.subject_id).with_for_update(key_share=True)
    await session.execute(standing)
    works = await session.scalar(select(User.id).where(User.id == row.subject_id, works_here())) is not None
    cause = Cause(row.id, depth=row.cause_depth + 1)
    await actions.flag_for_reassignment(session, row.subject_id, needs=not works, cause=cause)


async def serve_new_member(session: AsyncSession, row: EventRow) -> None:
    """After somebody joined the team that the event is about: they may be whom its tickets wait for."""
    await actions.assign_waiting(session, row.subject_id, cause=Cause(row.id, depth=row.cause_depth + 1))
