"""That time was spent; internal. Rates are configuration."""

from typing import ClassVar

from helpdesk_api.domains.tickets.events import TicketEvent
from helpdesk_api.outbox.events import DomainEvent


class TimeLogged(TicketEvent):
    """`internal_data`: `time_entry_id`, `seconds`, and `change`: `added`, `started`, `stopped`, `updated` or
    `removed`."""

    type = "ticket.time_logged"


class TimeRatesChanged(DomainEvent):
    type = "time_rates.changed"
    subject_type: ClassVar[str] = "time_rates"
