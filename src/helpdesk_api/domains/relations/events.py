"""Facts between tickets, told in the history of both. Internal: who reads the one may not see the other."""

from helpdesk_api.domains.tickets.events import TicketEvent


class TicketLinked(TicketEvent):
    """`internal_data`: `link_id`, `kind` from this ticket's side, `linked_id`, `linked_reference`."""

    type = "ticket.linked"


class TicketUnlinked(TicketEvent):
    """As `ticket.linked`."""

    type = "ticket.unlinked"


class TicketSplit(TicketEvent):
    """`data.role` is `source` on the ticket of the comment, `opened` on the one that it became; `internal_data` holds
    `comment_id`, `other_id` and `other_reference`."""

    type = "ticket.split"
