"""Facts between tickets, told in the history of both. Internal: who reads the one may not see the other."""

from helpdesk_api.domains.tickets.events import TicketEvent


class TicketLinked(TicketEvent):
    """`internal_details`: `link_id`, `kind` from this ticket's side, `linked_id`, `linked_reference`."""

    type = "ticket.linked"


class TicketUnlinked(TicketEvent):
    """The link is gone from both. `internal_details` as in `ticket.linked`."""

    type = "ticket.unlinked"


class TicketSplit(TicketEvent):
    """`details.role` is `source` on the ticket of the comment, `opened` on the one that it became;
    `internal_details` hold `comment_id`, `other_id` and `other_reference`."""

    type = "ticket.split"
