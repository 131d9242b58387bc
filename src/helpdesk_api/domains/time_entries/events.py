"""That time was spent; internal. Rates are configuration."""

from typing import ClassVar

from helpdesk_api.domains.tickets.events import TicketEvent
from helpdesk_api.outbox.events import DomainEvent


class TimeLogged(TicketEvent):
    """`internal_details`: `time_entry_id`, `seconds`, and `change`: `added`, `started`, `stopped`, `updated` or
    `removed`."""

    type = "ticket.time_logged"


class TimeRatesChanged(DomainEvent):
    """What an hour costs, of persons and teams, changed; entries keep the rate that they were made with."""

    type = "time_rates.changed"
    subject_type: ClassVar[str] = "time_rates"
