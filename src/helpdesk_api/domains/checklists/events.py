"""That a checklist changed; internal."""

from helpdesk_api.domains.tickets.events import TicketEvent


class ChecklistChanged(TicketEvent):
    """`internal_details`: `item_id`, `title`, and `change`: `added`, `done`, `reopened`, `updated` or `removed`."""

    type = "ticket.checklist_changed"
