"""Who may see a ticket: once as SQL, once as a predicate, and a test proves that both say the same.

An agent sees the tickets of their teams, those assigned to or shared with them, and those without a team; anybody sees
what they asked for, handed in, or were added to; a requester may be allowed to see their organization's. Watching or
being mentioned grants nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Uuid,
    any_,
    bindparam,
    case,
    exists,
    false,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.domains.tickets.models import Ticket, TicketParticipant
from helpdesk_api.domains.tickets.rules import Standing, inside_window
from helpdesk_api.domains.tickets.windows import reopen_window

IDS: Final = ARRAY(Uuid(as_uuid=True))


@dataclass(frozen=True, slots=True)
class CallerShape:
    """What the text of a scope depends on. Who the caller is comes with each call, as `caller_parameters`.

    Stands for a principal wherever SQL is made once for many: its ids are binds without a value, so a statement that
    is run without a caller's parameters fails instead of showing somebody else's tickets.
    """

    is_admin: bool
    is_staff: bool
    sees_organization: bool

    @property
    def user_id(self) -> ColumnElement[Any]:
        return bindparam("caller_id", type_=Uuid(as_uuid=True))

    @property
    def team_ids(self) -> ColumnElement[Any]:
        return bindparam("caller_team_ids", type_=IDS)

    @property
    def organization_id(self) -> ColumnElement[Any]:
        return bindparam("caller_organization_id", type_=Uuid(as_uuid=True))


Caller = Principal | CallerShape


def shape_of(principal: Principal) -> CallerShape:
    sees_organization = principal.sees_organization and principal.organization_id is not None
    return CallerShape(principal.is_admin, principal.is_staff, sees_organization)


def caller_parameters(principal: Principal) -> dict[str, Any]:
    """The values for the binds of this caller's shape."""
    return {
        "caller_id": principal.user_id,
        "caller_team_ids": list(principal.team_ids),
        "caller_organization_id": principal.organization_id,
    }


def any_of(column: InstrumentedAttribute[object] | ColumnElement[object], ids: object) -> ColumnElement[bool]:
    """`column = ANY(array)`: one shape whatever the number of ids, and no empty `IN ()`. Also for a bind of ids."""
    array = ids if isinstance(ids, ColumnElement) else literal(list(ids), IDS)  # type: ignore[call-overload]
    return column == any_(array)


def is_participant(principal: Caller, ticket: type[Ticket] = Ticket) -> ColumnElement[bool]:
    return exists(
        select(TicketParticipant.ticket_id).where(
            TicketParticipant.ticket_id == ticket.id,
            TicketParticipant.user_id == principal.user_id,
        )
    )


def sees_internal(principal: Caller, ticket: type[Ticket] = Ticket) -> ColumnElement[bool]:
    """The rows whose internal side the caller may see: those they work on."""
    if principal.is_admin:
        return true()
    if not principal.is_staff:
        return false()
    return or_(
        ticket.team_id.is_(None),
        any_of(ticket.team_id, principal.team_ids),
        ticket.assignee_id == principal.user_id,
        any_(ticket.collaborator_ids) == principal.user_id,
    )


def readable(principal: Caller, ticket: type[Ticket] = Ticket) -> ColumnElement[bool]:
    """The rows that exist for the caller; every read of tickets starts from it. `ticket` may be an alias."""
    if principal.is_admin:
        return true()
    own = [
        ticket.requester_id == principal.user_id,
        ticket.submitter_id == principal.user_id,
        is_participant(principal, ticket),
    ]
    if principal.sees_organization and principal.organization_id is not None:
        own.append(ticket.organization_id == principal.organization_id)
    return or_(sees_internal(principal, ticket), *own) if principal.is_staff else or_(*own)


def shown_updated_at(principal: Caller) -> ColumnElement[Any]:
    """What a reader is shown as `updated_at`: what is internal moves it only for those who work on the ticket."""
    return case((sees_internal(principal), Ticket.updated_at), else_=Ticket.public_updated_at)


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What sight of a ticket depends on, for decisions about many readers at once."""

    requester_id: UUID
    submitter_id: UUID
    team_id: UUID | None
    assignee_id: UUID | None
    organization_id: UUID | None
    collaborator_ids: Sequence[UUID]
    participant_ids: Sequence[UUID]


def works_on(principal: Principal, ticket: Ticket | TicketFacts) -> bool:
    """The predicate of `sees_internal`."""
    if principal.is_admin:
        return True
    if not principal.is_staff:
        return False
    of_team = ticket.team_id is None or ticket.team_id in principal.team_ids
    return of_team or ticket.assignee_id == principal.user_id or principal.user_id in ticket.collaborator_ids


def may_read(principal: Principal, ticket: Ticket | TicketFacts, *, is_participant: bool) -> bool:
    """The predicate of `readable`."""
    if works_on(principal, ticket) or principal.user_id in {
        ticket.requester_id,
        ticket.submitter_id,
    }:
        return True
    colleague = (
        principal.sees_organization
        and principal.organization_id is not None
        and ticket.organization_id == principal.organization_id
    )
    return is_participant or colleague


def standing(principal: Principal, ticket: Ticket, *, is_participant: bool) -> Standing:
    """What the rules need to know of caller and ticket; reads the clock for the reopen window."""
    return Standing(
        status=ticket.status,
        works_on=works_on(principal, ticket),
        is_requester=principal.user_id in {ticket.requester_id, ticket.submitter_id},
        is_participant=is_participant,
        may_write=principal.has(Permission.TICKETS_WRITE),
        may_administer=principal.has(Permission.TICKETS_ADMIN),
        inside_reopen_window=inside_window(ticket.resolved_at, clock.now(), reopen_window()),
        has_open_required=ticket.open_required_count > 0,
        is_merged=ticket.merged_into_id is not None,
        may_write_articles=principal.has(Permission.ARTICLES_WRITE),
        for_another=principal.user_id != ticket.requester_id,
    )
