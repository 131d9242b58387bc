"""The ticket that somebody imagines: every fact that conditions read, and of what it names only what they may see."""

from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from helpdesk_api.authorization.grants import GRANTS
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories import queries as categories
from helpdesk_api.domains.categories.rules import priority_for
from helpdesk_api.domains.organizations.errors import OrganizationNotFound
from helpdesk_api.domains.organizations.queries import get_organization
from helpdesk_api.domains.sla.clock_schemas import SimulatedChange, SimulatedFacts
from helpdesk_api.domains.sla.errors import SimulationContradictory, SimulationOutOfOrder, SpanTooLong
from helpdesk_api.domains.sla.rules import LONGEST_ASKED
from helpdesk_api.domains.teams.errors import TeamNotFound
from helpdesk_api.domains.teams.queries import get_team
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from helpdesk_api.domains.users.errors import UserNotFound
from helpdesk_api.domains.users.queries import get_user
from helpdesk_api.web.errors import UnknownReference

_PEOPLE = ("requester_id", "submitter_id", "assignee_id")


async def imagined(
    reads: ReadSession, database: Database, principal: Principal, facts: SimulatedFacts
) -> SimpleNamespace:
    """What is left out is as in a ticket that the caller opens now. Raises `unknown_reference` and
    `simulation_contradictory`."""
    await _check_references(reads, database, principal, facts, "#/facts")
    is_pending = facts.status is TicketStatus.PENDING
    if facts.pending_reason is not None and not is_pending:
        message = "Only a pending ticket has a reason."
        raise SimulationContradictory(message, pointer="#/facts/pending_reason")
    values = facts.model_dump()
    values["created_at"] = facts.created_at or clock.now()
    values["pending_reason"] = (facts.pending_reason or PendingReason.REQUESTER) if is_pending else None
    values["resolved_at"] = values["created_at"] if facts.status is TicketStatus.RESOLVED else None
    values["merged_into_id"] = None
    values["requester_id"] = facts.requester_id or principal.user_id
    values["submitter_id"] = facts.submitter_id or principal.user_id
    if "organization_id" not in facts.model_fields_set:
        requester = await GRANTS.get(database, values["requester_id"].hex)
        values["organization_id"] = requester.organization_id if requester is not None else None
    if "priority" not in facts.model_fields_set and facts.impact is not None and facts.urgency is not None:
        values["priority"] = priority_for(await categories.matrix(database), facts.impact, facts.urgency)
    return SimpleNamespace(**values)


async def check_changes(
    reads: ReadSession, database: Database, principal: Principal, changes: Sequence[SimulatedChange]
) -> None:
    """Raises `unknown_reference` and `simulation_contradictory`."""
    for place, change in enumerate(changes):
        pointer = f"#/changes/{place}"
        await _check_references(reads, database, principal, change, pointer)
        for name, action in (("pending_reason", "pend"), ("assignee_id", "assign")):
            if getattr(change, name) is not None and change.action != action:
                message = f"It belongs to the action `{action}`."
                raise SimulationContradictory(message, pointer=f"{pointer}/{name}")


def instants(changes: Sequence[SimulatedChange], begun: datetime) -> list[datetime]:
    """When each of them happens. Raises `simulation_out_of_order` for one before what has happened by then,
    and `span_too_long`."""
    found, at = [], begun
    for place, change in enumerate(changes):
        if change.at is not None and change.at < at:
            raise SimulationOutOfOrder(pointer=f"#/changes/{place}/at")
        if change.at is not None and change.at - clock.now() > LONGEST_ASKED:
            raise SpanTooLong(pointer=f"#/changes/{place}/at")
        at = change.at or max(at, clock.now())
        found.append(at)
    return found


async def _check_references(
    reads: ReadSession, database: Database, principal: Principal, given: Any, pointer: str
) -> None:
    if given.category_id is not None and await categories.category(database, given.category_id) is None:
        raise UnknownReference(pointer=f"{pointer}/category_id")
    for name in _PEOPLE:
        user_id = getattr(given, name, None)
        if user_id is not None and not await _sees_user(reads, principal, user_id):
            raise UnknownReference(pointer=f"{pointer}/{name}")
    if given.team_id is not None and not await _sees_team(reads, principal, given.team_id):
        raise UnknownReference(pointer=f"{pointer}/team_id")
    organization_id = getattr(given, "organization_id", None)
    if organization_id is not None and not await _sees_organization(reads, database, principal, organization_id):
        raise UnknownReference(pointer=f"{pointer}/organization_id")


async def _sees_user(reads: ReadSession, principal: Principal, user_id: UUID) -> bool:
    if user_id == principal.user_id:
        return True
    if not principal.has(Permission.USERS_READ):
        return False
    try:
        await get_user(reads, principal, user_id)
    except UserNotFound:
        return False
    return True


async def _sees_team(reads: ReadSession, principal: Principal, team_id: UUID) -> bool:
    if not principal.has(Permission.TEAMS_READ):
        return False
    try:
        await get_team(reads, team_id)
    except TeamNotFound:
        return False
    return True


async def _sees_organization(
    reads: ReadSession, database: Database, principal: Principal, organization_id: UUID
) -> bool:
    own = await GRANTS.get(database, principal.user_id.hex)
    if own is not None and own.organization_id == organization_id:
        return True
    if not principal.has(Permission.ORGANIZATIONS_READ):
        return False
    try:
        await get_organization(reads, organization_id)
    except OrganizationNotFound:
        return False
    return True
