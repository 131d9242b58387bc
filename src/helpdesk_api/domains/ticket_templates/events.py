"""Facts about ticket templates; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class TicketTemplateEvent(DomainEvent):
    subject_type: ClassVar[str] = "ticket_template"


class TicketTemplateCreated(TicketTemplateEvent):
    type = "ticket_template.created"


class TicketTemplateUpdated(TicketTemplateEvent):
    type = "ticket_template.updated"


class TicketTemplateDeleted(TicketTemplateEvent):
    type = "ticket_template.deleted"
