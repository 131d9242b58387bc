"""What can be asked of tickets beyond the conditions of stored rules, and the words for it in a query."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Final

from sqlalchemy import exists, literal_column, select
from sqlalchemy.dialects.postgresql import array

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import Asker, Checked, Every, check
from helpdesk_api.conditions.query_language import InvalidQuery, Names, Vocabulary, names_in, parse_query
from helpdesk_api.conditions.registry import FieldSpec, FieldType, Subject, attribute
from helpdesk_api.conditions.shown import is_empty, shown
from helpdesk_api.conditions.tree import ConditionOperator, Node
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.tickets import naming
from helpdesk_api.domains.tickets.condition_fields import TICKET
from helpdesk_api.domains.tickets.custom_conditions import Kinds, asked_of_database, custom_of, known_kinds
from helpdesk_api.domains.tickets.enums import SlaState, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket, TicketWatcher
from helpdesk_api.domains.tickets.policy import CallerShape, shown_updated_at
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES

_ANYBODY = CallerShape(is_admin=False, is_staff=False, sees_organization=False)


def is_asked_of_database(field: FieldSpec) -> bool:
    """Whether only a statement can answer it, so that nobody can follow it from one event to the next."""
    return field.read is asked_of_database


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


SEARCHED: Final = Subject.of(
    "ticket",
    [
        *TICKET.fields.values(),
        FieldSpec("text", FieldType.FULL_TEXT, lambda: None, asked_of_database),
        FieldSpec("is_watched", FieldType.BOOLEAN, _watched, asked_of_database),
        FieldSpec("is_shared", FieldType.BOOLEAN, _shared, asked_of_database),
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
)
# Of whoever works on some of them; it is bound as the caller's sight is.
_AGENT = CallerShape(is_admin=False, is_staff=True, sees_organization=False)
_STAFF_FIELDS: Final = {
    **SEARCHED.fields,
    "updated_at": FieldSpec(
        "updated_at", FieldType.INSTANT, lambda: shown_updated_at(_AGENT), attrgetter("updated_at")
    ),
}
_ADMIN_FIELDS: Final = {**SEARCHED.fields, "updated_at": attribute(Ticket, "updated_at", FieldType.INSTANT)}
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
        "language": "language",
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


def vocabulary_of(principal: Principal, kinds: Kinds) -> Vocabulary:
    """What the caller may ask about; `kinds` are the custom fields that exist for them."""
    fields = _ADMIN_FIELDS if principal.is_admin else _STAFF_FIELDS if principal.is_staff else SEARCHED.fields
    return replace(VOCABULARY, subject=replace(SEARCHED, fields=fields, custom=custom_of(principal, kinds)))


def asker(principal: Principal) -> Asker:
    """To the minute, so that a question asked again is the same statement."""
    return Asker(principal.user_id, clock.now().replace(second=0, microsecond=0))


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, understood; `named` are the names of the records that a name was given for, by public id."""

    checked: Checked
    named: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> str | None:
        """As the answer shows it; None when nothing was asked."""
        if is_empty(self.checked):
            return None
        return json.dumps({"conditions": shown(self.checked), "names": self.named}, ensure_ascii=False)


async def read_question(
    reads: ReadSession, principal: Principal, *, conditions: Node | None = None, query: str | None = None
) -> Question:
    """Both narrow it. One statement when the query holds names, one more when one of them means nothing.

    Raises `invalid_conditions`, and `invalid_query` at `#/query`.
    """
    kinds = await known_kinds(reads, principal, conditions=[] if conditions is None else [conditions])
    parts = [read_conditions(principal, conditions, kinds)] if conditions is not None else []
    if query is None:
        return Question(Every(tuple(parts)))
    asked = await read_query(reads, principal, query, "#/query")
    return Question(Every((*parts, asked.checked)), asked.named)


async def read_query(reads: ReadSession, principal: Principal, text: str, pointer: str | None = None) -> Question:
    """Raises `invalid_query`, at the parameter `query` or at the pointer into a body."""
    known = await know(reads, principal, [text])
    try:
        checked = read_known(principal, text, known)
    except InvalidQuery as error:
        raise await _explained(reads, principal, error, pointer) from error
    return Question(checked, {public_id(prefix, one.id): one.name for (prefix, _), (one, *_) in known.names.items()})


@dataclass(frozen=True, slots=True)
class Known:
    """What the words of questions mean to a caller: records by their names, and the custom fields that there are."""

    names: Names
    kinds: Kinds


async def know(
    reads: ReadSession, principal: Principal, texts: Collection[str], conditions: Collection[Node] = ()
) -> Known:
    """Of all these queries and conditions together: one statement for the names, or none."""
    kinds = await known_kinds(reads, principal, texts=texts, conditions=conditions)
    vocabulary = vocabulary_of(principal, kinds)
    named = [key for text in texts for key in names_in(text, vocabulary)]
    return Known(await naming.look_up(reads, principal, named), kinds)


def read_known(principal: Principal, text: str, known: Known) -> Checked:
    """A query whose words were looked up. Raises `invalid_query`."""
    return parse_query(text, vocabulary_of(principal, known.kinds), asker(principal), known.names)


async def _explained(
    reads: ReadSession, principal: Principal, error: InvalidQuery, pointer: str | None
) -> InvalidQuery:
    """With the names that are nearest to one that means nothing, and at its place in a body."""
    (wrong,), detail = error.errors, error.detail
    if wrong.code == "unknown_name":
        similar = await naming.near(reads, principal, wrong.params["prefix"], wrong.params["name"])
        hint = f"; did you mean {' or '.join(f'`{name}`' for name in similar)}?" if similar else ""
        params = {"column": wrong.params["column"], "did_you_mean": similar}
        wrong = replace(wrong, detail=wrong.detail + hint, params=params)
        detail = detail.removesuffix(".") + (hint or ".")
    if pointer is not None:
        wrong = replace(wrong, pointer=pointer, parameter=None)
    return InvalidQuery(detail, errors=[wrong])


def read_conditions(principal: Principal, node: Node, kinds: Kinds) -> Checked:
    """`me` and spans such as `-7d` mean the caller's and count from now. Raises `invalid_conditions`."""
    return check(node, vocabulary_of(principal, kinds).subject, asker=asker(principal))
