"""What alerts do to tickets, as the integration's service account and by the tickets' own verbs."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database, savepoint
from helpdesk_api.domains.alerts import rules
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.queries import Integration
from helpdesk_api.domains.alerts.rules import Choice
from helpdesk_api.domains.assignments.actions import assign_ticket
from helpdesk_api.domains.assignments.schemas import AssignmentCreate
from helpdesk_api.domains.categories.enums import Channel, Impact, Priority, Urgency
from helpdesk_api.domains.comments.actions import note_automatically
from helpdesk_api.domains.teams.queries import archived_within
from helpdesk_api.domains.tickets import actions, events
from helpdesk_api.domains.tickets.enums import ResolutionCode, TicketStatus
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.opening import open_ticket
from helpdesk_api.domains.tickets.queries import lock_visible
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES
from helpdesk_api.domains.tickets.schemas import TicketCreate, TicketReopen, TicketResolve
from helpdesk_api.domains.users.actions import find_by_email
from helpdesk_api.web.errors import ProblemError

STORM_TAGS = ("alert-storm", "major-incident-candidate")
# One for each alert, and then none: what a configuration that went stale asks for must not cost the alert.
_NOTHING = Choice(None, None, None, (), None)


async def open_for(
    session: AsyncSession, database: Database, integration: Integration, fact: AlertFact, *, carefully: bool
) -> Ticket:
    """Raises what opening a ticket does, unless it is done `carefully`."""
    choice = rules.choose(
        fact,
        integration.matchers,
        category_id=integration.category_id,
        team_id=integration.team_id,
        asset_labels=integration.asset_labels,
    )
    choice = replace(choice, team_id=await _team_in_use(session, choice.team_id))
    if not carefully:
        return await _open(session, database, integration, fact, choice)
    try:
        async with savepoint(session):
            return await _open(session, database, integration, fact, choice)
    except ProblemError:
        # A category that was retired since, or whose form asks for what no alert knows.
        return await _open(session, database, integration, fact, _NOTHING)


async def _team_in_use(session: AsyncSession, team_id: UUID | None) -> UUID | None:
    """An archived one stays in the settings and gets nothing more; all else that they say still counts."""
    return team_id if team_id is not None and team_id not in await archived_within(session) else None


async def _open(
    session: AsyncSession, database: Database, integration: Integration, fact: AlertFact, choice: Choice
) -> Ticket:
    body = TicketCreate(
        subject=rules.subject(fact),
        description=rules.description(fact, integration.name),
        channel=Channel.MONITORING,
        category_id=choice.category_id,
        team_id=choice.team_id,
        priority=choice.priority,
        priority_reason=f"{integration.name} says so." if choice.priority is not None else None,
        tags=list(choice.tags),
        affected_service=choice.affected_service,
    )
    return await open_ticket(session, database, integration.principal, body)


async def open_storm(session: AsyncSession, database: Database, integration: Integration, value: str) -> Ticket:
    """The incident that a storm's alerts attach to: a candidate for a major one."""
    limit = integration.storm_limit or 0
    listed = "Further new alerts are listed here instead of having a ticket of their own."
    subject = rules.storm_subject(
        integration.name, limit, integration.storm_window_seconds, integration.storm_label, value
    )
    body = TicketCreate(
        subject=subject,
        description=f"{rules.escaped(subject)}\n\n{listed}",
        channel=Channel.MONITORING,
        # Nobody's rather than none at all: every agent sees it.
        team_id=await _team_in_use(session, integration.team_id),
        impact=Impact.HIGH,
        urgency=Urgency.HIGH,
        priority=Priority.CRITICAL,
        priority_reason="An alert storm is a candidate for a major incident.",
        tags=list(STORM_TAGS),
    )
    return await open_ticket(session, database, integration.principal, body)


async def lock(session: AsyncSession, integration: Integration, ticket_id: UUID | None) -> Ticket | None:
    """The ticket, or where it goes on after a merge."""
    if ticket_id is None:
        return None
    try:
        ticket, _ = await lock_visible(session, integration.principal, public_id("tkt", ticket_id))
        if ticket.merged_into_id is not None:
            ticket, _ = await lock_visible(session, integration.principal, public_id("tkt", ticket.merged_into_id))
    except TicketNotFound:
        return None
    return ticket


async def go_on(session: AsyncSession, integration: Integration, ticket_id: UUID, fact: AlertFact) -> Ticket | None:
    """The same disturbance again: its ticket reopens, or goes on. None when that is closed for good."""
    ticket = await lock(session, integration, ticket_id)
    if ticket is None:
        return None
    if ticket.status is TicketStatus.RESOLVED:
        reason = f"It began again: {rules.subject(fact)}"[: rules.MAX_SUBJECT]
        await actions.reopen_ticket(session, integration.principal, ticket, TicketReopen(reason=reason))
        return ticket
    if ticket.status not in ACTIVE_STATUSES:
        return None
    await _note(session, integration, ticket, f"It began again: {rules.escaped(fact.summary)}")
    return ticket


async def take_over(
    session: AsyncSession, database: Database, integration: Integration, ticket_id: UUID | None, fact: AlertFact
) -> Ticket | None:
    """Acknowledged over there: whoever did it gets the ticket when they are ours, and in any case work has begun."""
    ticket = await lock(session, integration, ticket_id)
    if ticket is None or ticket.status not in ACTIVE_STATUSES:
        return ticket
    if not await _assign(session, database, integration, ticket, fact.by):
        ticket = await lock(session, integration, ticket.id) or ticket
    if ticket.status is TicketStatus.OPEN:
        # Not `start_ticket`, which would give unassigned work to the integration itself.
        values = {"status": TicketStatus.IN_PROGRESS}
        await actions.apply(session, integration.principal, ticket, events.TicketStarted, values)
    said = f" by {rules.escaped(fact.by)}" if fact.by else ""
    await _note(session, integration, ticket, f"Acknowledged{said} in {rules.escaped(integration.name)}.")
    return ticket


async def _assign(
    session: AsyncSession, database: Database, integration: Integration, ticket: Ticket, by: str | None
) -> bool:
    """False when it was tried in vain: then the ticket is to be read anew."""
    if by is None or "@" not in by:
        return True
    user = await find_by_email(session, by)
    if user is None or user.deactivated_at is not None or user.id == ticket.assignee_id:
        return True
    body = AssignmentCreate(assignee_id=public_id("usr", user.id), replace=True, reason="Acknowledged the alert.")
    try:
        async with savepoint(session):
            await assign_ticket(session, database, integration.principal, ticket, body)
    except ProblemError:
        # Somebody who may not hold this ticket has acknowledged it all the same.
        return False
    return True


async def note_end(
    session: AsyncSession, integration: Integration, ticket: Ticket, alert_summary: str, *, resolves: bool
) -> None:
    """An entry, and the resolution where the integration is set so. What a person has ended stays as they left it."""
    words = f"The alert is over: {rules.escaped(alert_summary)}"
    await _note(session, integration, ticket, words)
    if resolves and ticket.status in ACTIVE_STATUSES:
        body = TicketResolve(resolution_code=ResolutionCode.FIXED, resolution_text=words)
        await actions.resolve_ticket(session, integration.principal, ticket, body)


async def _note(session: AsyncSession, integration: Integration, ticket: Ticket, words: str) -> None:
    await note_automatically(
        session,
        integration.principal,
        ticket,
        words,
        visibility=integration.note_visibility,
        channel=Channel.MONITORING,
    )
