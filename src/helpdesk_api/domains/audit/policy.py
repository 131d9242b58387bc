"""Who may read an event: whoever may read its ticket; what is about no ticket is for administrators."""

from sqlalchemy import ColumnElement, or_

from helpdesk_api.domains.tickets import policy as tickets
from helpdesk_api.domains.tickets.policy import Caller
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import EventRow


def readable(principal: Caller) -> ColumnElement[bool]:
    """For a statement that outer-joins the event's ticket."""
    shown = or_(EventRow.visibility == Visibility.PUBLIC, tickets.sees_internal(principal))
    about_a_ticket = EventRow.ticket_id.is_not(None) & tickets.readable(principal) & shown
    return or_(about_a_ticket, EventRow.ticket_id.is_(None)) if principal.is_admin else about_a_ticket
