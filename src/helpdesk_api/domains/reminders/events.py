"""That somebody was reminded; internal. What is still to come is nobody's history."""

from helpdesk_api.domains.tickets.events import TicketEvent


class ReminderDue(TicketEvent):
    """`internal_details`: `reminder_id`, `user_id`, `note`."""

    type = "ticket.reminder_due"
