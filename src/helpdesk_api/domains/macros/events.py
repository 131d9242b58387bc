"""Facts about macros; internal, as macros are the desk's own."""

from typing import ClassVar

from helpdesk_api.domains.tickets.events import TicketEvent
from helpdesk_api.outbox.events import DomainEvent


class MacroEvent(DomainEvent):
    subject_type: ClassVar[str] = "macro"


class MacroCreated(MacroEvent):
    """Several steps were saved under one name."""

    type = "macro.created"


class MacroUpdated(MacroEvent):
    """Its steps, or when it is offered, changed."""

    type = "macro.updated"


class MacroDeleted(MacroEvent):
    """It is gone from everybody's list."""

    type = "macro.deleted"


class MacroApplied(TicketEvent):
    """`internal_details`: `macro_id` and `title`. What it changed are events of their own, which name it as their
    cause."""

    type = "ticket.macro_applied"
