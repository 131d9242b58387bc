"""Who may read an event: whoever may read its ticket; what is about no ticket is for administrators.

Once as SQL and once as a predicate, and a test proves that both say the same.
"""

from sqlalchemy import ColumnElement, or_

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.tickets import policy as tickets
from helpdesk_api.domains.tickets.policy import Caller
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import EventRow


def reads_everything(principal: Principal) -> bool:
    """Only who misses nothing is told an event's number: for others its gaps would count what they may not see."""
    return principal.is_admin


def readable(principal: Caller) -> ColumnElement[bool]:
    """For a statement that outer-joins the event's ticket."""
    shown = or_(EventRow.visibility == Visibility.PUBLIC, tickets.sees_internal(principal))
    about_a_ticket = EventRow.ticket_id.is_not(None) & tickets.readable(principal) & shown
    return or_(about_a_ticket, EventRow.ticket_id.is_(None)) if principal.is_admin else about_a_ticket


def sees_internal(principal: Principal, ticket: tickets.TicketFacts | None) -> bool:
    """Whether the internal side of an event about this ticket, or about none, is the reader's to see."""
    return principal.is_admin if ticket is None else tickets.works_on(principal, ticket)


def may_read(principal: Principal, visibility: Visibility, ticket: tickets.TicketFacts | None) -> bool:
    """The predicate of `readable`; `ticket` is None for an event about no ticket."""
    if ticket is None:
        return principal.is_admin
    if visibility is not Visibility.PUBLIC and not tickets.works_on(principal, ticket):
        return False
    return tickets.may_read(principal, ticket, is_participant=principal.user_id in ticket.participant_ids)
