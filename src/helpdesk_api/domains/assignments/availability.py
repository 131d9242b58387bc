"""Who is there: coming, going, and the open tickets of those who go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS, Grants
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.assignments.actions import PRIORITY_RANK, give_by_itself, pick
from helpdesk_api.domains.assignments.enums import DecidedBy, Handover
from helpdesk_api.domains.assignments.errors import (
    AgentNotFound,
    HandoverWithoutAbsence,
    ReturnInPast,
    ReturnWithoutAbsence,
)
from helpdesk_api.domains.assignments.events import AgentAvailabilityChanged
from helpdesk_api.domains.assignments.models import Agent
from helpdesk_api.domains.assignments.policy import require_availability
from helpdesk_api.domains.assignments.roster import read_roster
from helpdesk_api.domains.assignments.schemas import MAX_HANDED_OVER, AvailabilityUpdate
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES
from helpdesk_api.jobs.queue import enqueue
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.preconditions import UNCONDITIONAL, IfMatch, etag_of_content
from helpdesk_api.web.schemas import instant_text

HAND_OVER = "assignments.hand_over"
_FIELDS = ("is_available", "away_until", "open_limit")


@dataclass(slots=True)
class Handed:
    """Open tickets and who takes each; `has_more` when there are more than one transaction should hold."""

    tickets: list[dict[str, Any]] = field(default_factory=list)
    has_more: bool = False


async def agent_grants(database: Database, user_id: UUID) -> Grants:
    """A person of the staff who has not left. Raises `agent_not_found`."""
    grants = await GRANTS.get(database, user_id.hex)
    if grants is None or not grants.takes_work:
        raise AgentNotFound
    return grants


def etag(values: Mapping[str, Any]) -> str:
    """It carries no version: whoever holds what it says now overwrites nothing that they have not seen."""
    until = values["away_until"]
    said = (values["is_available"], until and _shown(until.astimezone(UTC)), values["open_limit"])
    return etag_of_content(repr(said).encode())


def _now(values: Mapping[str, Any]) -> dict[str, Any]:
    """An absence that has ended counts as ended, whether or not it was noted."""
    if values["away_until"] is not None and values["away_until"] <= clock.now():
        return {**values, "is_available": True, "away_until": None}
    return dict(values)


async def set_availability(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    user_id: UUID,
    body: AvailabilityUpdate,
    if_match: IfMatch = UNCONDITIONAL,
) -> Handed:
    """Raises `agent_not_found`, `availability_forbidden`, `return_in_past`, `return_without_absence`,
    `handover_without_absence`, `precondition_failed`."""
    require_availability(principal, await agent_grants(database, user_id))
    if body.is_available and body.handover is not Handover.NONE:
        raise HandoverWithoutAbsence(pointer="#/handover")
    if body.away_until is not None:
        if body.is_available:
            raise ReturnWithoutAbsence(pointer="#/away_until")
        if body.away_until <= clock.now():
            raise ReturnInPast(pointer="#/away_until")
    goes = not body.is_available
    # Tickets are locked before people, as everywhere.
    tickets = await _open_tickets(session, user_id, lock=True) if goes and body.handover is Handover.PERFORM else []
    if tickets:
        await read_roster(session, _teams_of(tickets), lock=True, holder=user_id)
    await _store(session, principal, user_id, {name: getattr(body, name) for name in _FIELDS}, if_match)
    if goes and body.handover is Handover.OFFER:
        return await _offer(session, user_id)
    if goes and body.handover is Handover.PERFORM:
        # Also for what was given to them between the reading of their tickets and now.
        await enqueue(session, HAND_OVER, {"user_id": user_id.hex})
        return await _perform(session, principal, user_id, tickets)
    return Handed()


async def _store(
    session: AsyncSession, principal: Principal, user_id: UUID, values: dict[str, Any], if_match: IfMatch
) -> None:
    """Nothing happens, and nothing is recorded, when it is so already."""
    # The row first: of two who both find none, the second waits here and then sees what the first set.
    made = insert(Agent).values(user_id=user_id).on_conflict_do_nothing()
    await session.execute(made)
    columns = (Agent.is_available, Agent.away_until, Agent.open_limit)
    locked = select(*columns).where(Agent.user_id == user_id).with_for_update()
    before = dict((await session.execute(locked)).mappings().one())
    if_match.check(etag(_now(before)))
    changes = {name: (_shown(before[name]), _shown(value)) for name, value in values.items() if before[name] != value}
    if changes:
        await session.execute(update(Agent).where(Agent.user_id == user_id).values(values))
        await _record(session, principal, user_id, changes)


async def _record(
    session: AsyncSession, principal: Principal, user_id: UUID, changes: dict[str, tuple[Any, Any]]
) -> None:
    event = AgentAvailabilityChanged(subject_id=user_id, visibility=Visibility.INTERNAL, internal_changes=changes)
    await record(session, principal, event)


def _shown(value: Any) -> Any:
    return instant_text(value) if isinstance(value, datetime) else value


async def _open_tickets(session: AsyncSession, user_id: UUID, *, lock: bool) -> Sequence[Ticket]:
    """At most one more than a hand-over takes at once, most urgent first."""
    statement = (
        select(Ticket)
        .where(Ticket.assignee_id == user_id, Ticket.status.in_(sorted(ACTIVE_STATUSES)))
        .order_by(PRIORITY_RANK.desc(), Ticket.created_at, Ticket.id)
        .limit(MAX_HANDED_OVER + 1)
    )
    if lock:
        statement = statement.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    return (await session.execute(statement)).scalars().all()


def _teams_of(tickets: Sequence[Ticket]) -> list[UUID]:
    return sorted({ticket.team_id for ticket in tickets if ticket.team_id is not None})


async def _offer(session: AsyncSession, user_id: UUID) -> Handed:
    """What a hand-over would do now; nothing is locked, so it may come out differently later."""
    tickets = await _open_tickets(session, user_id, lock=False)
    roster = await read_roster(session, _teams_of(tickets), lock=False)
    handed = Handed(has_more=len(tickets) > MAX_HANDED_OVER)
    for ticket in tickets[:MAX_HANDED_OVER]:
        target = pick(roster, ticket, ticket.team_id, DecidedBy.HANDOVER, excluding=user_id)
        handed.tickets.append(_handed(ticket, target.assignee_id, target.name))
    return handed


async def _perform(session: AsyncSession, principal: Principal, user_id: UUID, tickets: Sequence[Ticket]) -> Handed:
    handed = Handed(has_more=len(tickets) > MAX_HANDED_OVER)
    taken = tickets[:MAX_HANDED_OVER]
    roster = await read_roster(session, _teams_of(taken), lock=True, holder=user_id)
    for ticket in taken:
        target = await give_by_itself(
            session, ticket, roster, DecidedBy.HANDOVER, principal=principal, excluding=user_id
        )
        handed.tickets.append(_handed(ticket, target.assignee_id, target.name))
    await session.flush()
    return handed


def _handed(ticket: Ticket, assignee_id: UUID | None, name: str | None) -> dict[str, Any]:
    return {
        "ticket_id": ticket.id,
        "ticket_reference": ticket.reference,
        "team_id": ticket.team_id,
        "assignee_id": assignee_id,
        "assignee_name": name,
    }


async def go_on_handing_over(session: AsyncSession, user_id: UUID) -> None:
    """One more batch, unless they are back; asks for another run while there is more."""
    if await session.scalar(select(Agent.is_available).where(Agent.user_id == user_id)):
        return
    tickets = await _open_tickets(session, user_id, lock=True)
    if tickets and (await _perform(session, Principal.system(), user_id, tickets)).has_more:
        await enqueue(session, HAND_OVER, {"user_id": user_id.hex})


async def end_absences(session: AsyncSession) -> None:
    """Make everybody available whose `away_until` has come."""
    due = (
        select(Agent.user_id, Agent.away_until)
        .where(Agent.away_until <= clock.now())
        .order_by(Agent.user_id)
        .with_for_update(skip_locked=True)
    )
    for user_id, away_until in (await session.execute(due)).all():
        back = update(Agent).where(Agent.user_id == user_id).values(is_available=True, away_until=None)
        await session.execute(back)
        changes = {"is_available": (False, True), "away_until": (_shown(away_until), None)}
        await _record(session, Principal.system(), user_id, changes)


async def read_agent(reads: ReadSession, user_id: UUID) -> dict[str, Any]:
    """Availability as it is now: an absence that has ended counts as ended, whether or not it was noted."""
    row = await reads.fetch_one(
        select(
            Agent.is_available,
            Agent.away_until,
            Agent.open_limit,
            Agent.open_count,
            Agent.open_load,
            Agent.last_assigned_at,
        ).where(Agent.user_id == user_id)
    )
    if row is None:
        nothing = dict.fromkeys(("away_until", "open_limit", "last_assigned_at"))
        return {"is_available": True, "open_count": 0, "open_load": 0, **nothing}
    return _now(row)


async def read_workload(reads: ReadSession, grants: Grants) -> dict[str, Any]:
    """The agent and their open tickets by priority: two statements."""
    by_priority = [func.count().filter(Ticket.priority == priority).label(priority.value) for priority in Priority]
    pending = func.count().filter(Ticket.status == TicketStatus.PENDING).label("pending")
    counts = await reads.fetch_one(
        select(*by_priority, pending).where(
            Ticket.assignee_id == grants.user_id, Ticket.status.in_(sorted(ACTIVE_STATUSES))
        )
    )
    agent = await read_agent(reads, grants.user_id)
    return {"user_id": grants.user_id, "name": grants.name, **agent, **dict(counts)}
