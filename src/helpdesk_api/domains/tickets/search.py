"""What can be asked of tickets beyond the conditions of stored rules, and the words for it in a query."""

import re
from dataclasses import replace
from operator import attrgetter
from typing import Final

from sqlalchemy import exists, literal_column, select
from sqlalchemy.dialects.postgresql import array

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import Asker, Checked, check
from helpdesk_api.conditions.query_language import InvalidQuery, Vocabulary, parse_query
from helpdesk_api.conditions.registry import FieldSpec, FieldType, Subject, attribute
from helpdesk_api.conditions.tree import ConditionOperator, Node
from helpdesk_api.database import clock
from helpdesk_api.domains.tickets.condition_fields import TICKET
from helpdesk_api.domains.tickets.enums import SlaState, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket, TicketWatcher
from helpdesk_api.domains.tickets.policy import CallerShape
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES

_ANYBODY = CallerShape(is_admin=False, is_staff=False, sees_organization=False)


def _of_database(subject: object) -> object:
    """Such a field is asked in SQL only; rules in memory have the fields of `TICKET`."""
    raise NotImplementedError(subject)


def is_asked_of_database(field: FieldSpec) -> bool:
    """Whether only a statement can answer it, so that nobody can follow it from one event to the next."""
    return field.read is _of_database


def _watched() -> object:
    return exists(
        select(TicketWatcher.ticket_id).where(
            TicketWatcher.ticket_id == Ticket.id, TicketWatcher.user_id == _ANYBODY.user_id
        )
    )


def _shared() -> object:
    # Said as the index has it, which knows only what is shared at all.
    return Ticket.collaborator_ids.bool_op("@>")(array([_ANYBODY.user_id])) & (
        Ticket.collaborator_ids != literal_column("'{}'::uuid[]")
    )


def _custom(name: str) -> FieldSpec | None:
    """`cf_` and the key of a form's field that everybody sees; what only the staff sees is not searched."""
    if not _CUSTOM_NAME.fullmatch(name):
        return None
    return FieldSpec(name, FieldType.CUSTOM, _custom_column, _of_database)


def _custom_column() -> object:
    return Ticket.custom_fields


_CUSTOM_NAME: Final = re.compile(r"cf_[a-z][a-z0-9_]{0,39}")

SEARCHED: Final = Subject.of(
    "ticket",
    [
        *TICKET.fields.values(),
        FieldSpec("text", FieldType.FULL_TEXT, lambda: None, _of_database),
        FieldSpec("is_watched", FieldType.BOOLEAN, _watched, _of_database),
        FieldSpec("is_shared", FieldType.BOOLEAN, _shared, _of_database),
        FieldSpec("updated_at", FieldType.INSTANT, lambda: Ticket.public_updated_at, attrgetter("public_updated_at")),
        attribute(Ticket, "reference", FieldType.TEXT),
        attribute(Ticket, "number", FieldType.NUMBER),
        attribute(Ticket, "rating", FieldType.NUMBER),
        attribute(Ticket, "assigned_at", FieldType.INSTANT),
        attribute(Ticket, "resolved_at", FieldType.INSTANT),
        attribute(Ticket, "closed_at", FieldType.INSTANT),
        attribute(Ticket, "sla_due_at", FieldType.INSTANT),
        attribute(Ticket, "sla_state", FieldType.ENUM, enum=SlaState),
    ],
    custom=_custom,
)
_ACTIVE = [status.value for status in TicketStatus if status in ACTIVE_STATUSES]
_O = ConditionOperator

VOCABULARY: Final = Vocabulary(
    subject=SEARCHED,
    fields={
        "assigned": "assigned_at",
        "assignee": "assignee_id",
        "began": "began_at",
        "category": "category_id",
        "channel": "channel",
        "closed": "closed_at",
        "comments": "public_comment_count",
        "created": "created_at",
        "description": "description",
        "due": "sla_due_at",
        "external_id": "external_id",
        "external_source": "external_source",
        "impact": "impact",
        "number": "number",
        "organization": "organization_id",
        "pending": "pending_reason",
        "priority": "priority",
        "rating": "rating",
        "reference": "reference",
        "reopened": "reopened_count",
        "requester": "requester_id",
        "resolved": "resolved_at",
        "service": "affected_service",
        "sla": "sla_state",
        "status": "status",
        "steps": "steps_tried",
        "subject": "subject",
        "submitter": "submitter_id",
        "tag": "tags",
        "team": "team_id",
        "type": "type",
        "updated": "updated_at",
        "urgency": "urgency",
    },
    flags={
        "open": [("status", _O.IN, _ACTIVE)],
        "pending": [("status", _O.EQ, TicketStatus.PENDING.value)],
        "resolved": [("status", _O.EQ, TicketStatus.RESOLVED.value)],
        "closed": [("status", _O.EQ, TicketStatus.CLOSED.value)],
        "cancelled": [("status", _O.EQ, TicketStatus.CANCELLED.value)],
        "unassigned": [("assignee_id", _O.IS_NULL, True)],
        "assigned": [("assignee_id", _O.IS_NULL, False)],
        "watched": [("is_watched", _O.EQ, True)],
        "shared": [("is_shared", _O.EQ, True)],
        "breached": [("sla_state", _O.EQ, SlaState.BREACHED.value)],
        "overdue": [("status", _O.IN, _ACTIVE), ("sla_due_at", _O.LT, "-0m")],
        "reopened": [("reopened_count", _O.GT, 0)],
    },
    whole=frozenset({"reference", "external_source", "external_id"}),
)


def asker(principal: Principal) -> Asker:
    """To the minute, so that a question asked again is the same statement."""
    return Asker(principal.user_id, clock.now().replace(second=0, microsecond=0))


def read_query(principal: Principal, text: str, pointer: str | None = None) -> Checked:
    """Raises `invalid_query`, at the parameter `query` or at the pointer into a body."""
    try:
        return parse_query(text, VOCABULARY, asker(principal))
    except InvalidQuery as error:
        if pointer is None:
            raise
        placed = [replace(wrong, pointer=pointer, parameter=None) for wrong in error.errors]
        raise InvalidQuery(error.detail, errors=placed) from error


def read_conditions(principal: Principal, node: Node, pointer: str = "#/conditions") -> Checked:
    """`me` and spans such as `-7d` mean the caller's and count from now. Raises `invalid_conditions`."""
    return check(node, SEARCHED, pointer, asker=asker(principal))
