"""What can be wrong with drafting an article from a ticket."""

from helpdesk_api.web.errors import Conflict


class TicketNotResolved(Conflict):
    code = "ticket_not_resolved"
    title = "It has no resolution to write down"
    default_detail = "An article is drafted from a ticket that is resolved or closed, with a resolution."
