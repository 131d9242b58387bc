"""Facts about ticket templates; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class TicketTemplateEvent(DomainEvent):
    subject_type: ClassVar[str] = "ticket_template"


class TicketTemplateCreated(TicketTemplateEvent):
    """A prefilled ticket was saved."""

    type = "ticket_template.created"


class TicketTemplateUpdated(TicketTemplateEvent):
    """What it fills in, or for whom, changed."""

    type = "ticket_template.updated"


class TicketTemplateDeleted(TicketTemplateEvent):
    """It is offered no longer."""

    type = "ticket_template.deleted"
