"""What conditions may ask of a ticket; names are those of the ticket's representation."""

from typing import Final

from helpdesk_api.conditions.registry import FieldSpec, FieldType, Subject, attribute
from helpdesk_api.domains.categories.enums import Channel, Impact, Priority, TicketType, Urgency
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket


def _text(*names: str) -> list[FieldSpec]:
    return [attribute(Ticket, name, FieldType.TEXT) for name in names]


def _ids(**prefixes: str) -> list[FieldSpec]:
    return [attribute(Ticket, name, FieldType.ID, prefix=prefix) for name, prefix in prefixes.items()]


TICKET: Final = Subject.of(
    "ticket",
    [
        *_text("subject", "description", "steps_tried", "affected_service", "external_source", "external_id"),
        *_ids(
            requester_id="usr",
            submitter_id="usr",
            assignee_id="usr",
            team_id="tea",
            category_id="cat",
            organization_id="org",
        ),
        attribute(Ticket, "type", FieldType.ENUM, enum=TicketType),
        attribute(Ticket, "status", FieldType.ENUM, enum=TicketStatus),
        attribute(Ticket, "pending_reason", FieldType.ENUM, enum=PendingReason),
        attribute(Ticket, "priority", FieldType.ENUM, enum=Priority, is_ordered=True),
        attribute(Ticket, "impact", FieldType.ENUM, enum=Impact),
        attribute(Ticket, "urgency", FieldType.ENUM, enum=Urgency),
        attribute(Ticket, "channel", FieldType.ENUM, enum=Channel),
        attribute(Ticket, "language", FieldType.TEXT),
        attribute(Ticket, "tags", FieldType.TEXT_LIST),
        attribute(Ticket, "began_at", FieldType.INSTANT),
        attribute(Ticket, "created_at", FieldType.INSTANT),
        attribute(Ticket, "reopened_count", FieldType.NUMBER),
        attribute(Ticket, "public_comment_count", FieldType.NUMBER),
    ],
)
