"""The list's filters and orders: declared parameters, each one clause; an index stands behind every order."""

import inspect
import operator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    literal,
    literal_column,
    or_,
    select,
)

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import Checked, Every, Leaf
from helpdesk_api.conditions.sql import compile_where
from helpdesk_api.conditions.tree import ConditionOperator
from helpdesk_api.database.ids import parse_id
from helpdesk_api.domains.categories.enums import Channel, Priority, TicketType
from helpdesk_api.domains.tickets.enums import PendingReason, SlaState, TicketStatus
from helpdesk_api.domains.tickets.full_text import Frequency, Sought, matches
from helpdesk_api.domains.tickets.models import PRIORITY_RANK, SLA_STATE_RANK, Ticket, TicketWatcher
from helpdesk_api.domains.tickets.policy import IDS, CallerShape, any_of, shown_updated_at
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES
from helpdesk_api.web.listing import SortKey
from helpdesk_api.web.schemas import QueryText, RequestInstant, SearchText

_MAX_IDS = 50


def _one_of(enum: Any) -> str:
    words = "|".join(member.value for member in enum)
    return f"^({words})(,({words})){{0,{len(enum) - 1}}}$"


def _ids(prefix: str, *words: str) -> str:
    one = "|".join([f"{prefix}_[0-9a-f]{{32}}", *words])
    return f"^({one})(,({one})){{0,{_MAX_IDS - 1}}}$"


def _listed(pattern: str, description: str, width: int = 2_000) -> Any:
    return Query(pattern=pattern, max_length=width, description=description)


Languages = Annotated[
    str | None, _listed(r"^[a-z]{2,3}(,[a-z]{2,3}){0,19}$", "Written in any of these languages, ISO 639-1.", 80)
]
CREATED_AT = "created_at"
SORTS = {
    CREATED_AT: SortKey(CREATED_AT, Ticket.created_at, datetime),
    "updated_at": SortKey("updated_at", Ticket.public_updated_at, datetime),
    "priority": SortKey("priority", PRIORITY_RANK, int),
    "resolved_at": SortKey("resolved_at", Ticket.resolved_at, datetime, nullable=True),
    "number": SortKey("number", Ticket.number, int),
    "sla_due_at": SortKey("sla_due_at", Ticket.sla_due_at, datetime, nullable=True),
    "sla_state": SortKey("sla_state", SLA_STATE_RANK, int),
}
STAFF_SORTS = {**SORTS, "updated_at": SortKey("updated_at", Ticket.updated_at, datetime)}
RELEVANCE = "relevance"
_sorts = f"-?({'|'.join(SORTS)})"
SORT_PATTERN = f"^({RELEVANCE}|-?cf_[a-z][a-z0-9_]{{0,39}}|{_sorts}(,{_sorts}){{0,4}})$"
SORT_DESCRIPTION = (
    "`-created_at` when left out. `relevance` puts the best matches of the full text first: of the newest 1,000 "
    "matches, and of no others. `cf_` and the key of a custom field, alone, does the same with the newest 10,000: "
    "numbers by value, else by the first 60 characters whatever their case, and last those without. Where that leaves "
    "older matches out, `order_is_exact` is false. `sla_state` puts the worst first: `breached`, `running`, `paused`, "
    "`met`, and those without; `sla_state,sla_due_at` also the next due in front. `updated_at` is for "
    "requesters of the last change that they can see, and for staff of the last one, also where they see the public "
    "side alone."
)
DEFAULT_SORT = f"-{CREATED_AT}"
TIE_BREAK = SortKey("id", Ticket.id, UUID)


_AS_SHOWN = "by `updated_at` as the caller is shown it"


@dataclass(frozen=True, slots=True)
class TicketFilters:
    """Commas mean any of; instants after are inclusive, before exclusive."""

    status: Annotated[str | None, _listed(_one_of(TicketStatus), "Any of these statuses.", 100)] = None
    priority: Annotated[str | None, _listed(_one_of(Priority), "Any of these priorities.", 100)] = None
    type: Annotated[str | None, _listed(_one_of(TicketType), "Any of these types.", 100)] = None
    channel: Annotated[str | None, _listed(_one_of(Channel), "Any of these channels.", 100)] = None
    pending_reason: Annotated[str | None, _listed(_one_of(PendingReason), "Any of these reasons.", 100)] = None
    team_id: Annotated[
        str | None,
        _listed(_ids("tea", "none"), "Any of these teams; `none` for tickets without one."),
    ] = None
    assignee_id: Annotated[
        str | None,
        _listed(_ids("usr", "me", "none"), "Any of these people; `me`, `none`."),
    ] = None
    requester_id: Annotated[str | None, _listed(_ids("usr", "me"), "Any of these people; `me`.")] = None
    language: Languages = None
    category_id: Annotated[str | None, _listed(_ids("cat", "none"), "Any of these categories; `none`.")] = None
    organization_id: Annotated[str | None, _listed(_ids("org", "none"), "Any of these organizations; `none`.")] = None
    tag: Annotated[
        str | None,
        _listed(r"^[^\x00,]{1,50}(,[^\x00,]{1,50}){0,9}$", "Has any of these tags.", 510),
    ] = None
    watching: Annotated[
        bool | None,
        Query(description="Only those that the caller watches, or only the others."),
    ] = None
    external_source: Annotated[str | None, _listed(r"^[^\x00]{1,120}$", "From this system.", 120)] = None
    external_id: Annotated[str | None, _listed(r"^[^\x00]{1,120}$", "With this id there.", 120)] = None
    sla_state: Annotated[str | None, _listed(_one_of(SlaState), "Any of these service level states.", 100)] = None
    sla_due_after: Annotated[RequestInstant | None, Query(description="Inclusive; next due time.")] = None
    sla_due_before: Annotated[RequestInstant | None, Query(description="Exclusive; next due time.")] = None
    created_after: Annotated[RequestInstant | None, Query(description="Inclusive.")] = None
    created_before: Annotated[RequestInstant | None, Query(description="Exclusive.")] = None
    updated_after: Annotated[RequestInstant | None, Query(description=f"Inclusive; {_AS_SHOWN}.")] = None
    updated_before: Annotated[RequestInstant | None, Query(description=f"Exclusive; {_AS_SHOWN}.")] = None
    q: Annotated[
        SearchText | None,
        Query(
            description="Full text over subject, description, steps, affected service, reference, the comments that "
            "the caller may read, and the names of their files. Outside of quotes a word finds its other forms too, in "
            "English, German, Spanish, French and Portuguese."
        ),
    ] = None
    query: Annotated[
        QueryText | None,
        Query(
            description="The search language: terms such as `is:open priority:>=high assignee:me created:>-7d "
            '-tag:printer`, and words or "phrases" as full text; `OR`, `NOT` and round brackets combine them. People, '
            "teams, categories and organizations go by id or name, people by e-mail address too: "
            '`assignee:"Diego Marín" team:network`. Custom fields go by `cf_` and their key, assets by a part too: '
            "`cf_laptop.id:LT-17 cf_laptop.label:spare`. An error names the column."
        ),
    ] = None


async def _read(**given: Any) -> TicketFilters:
    return TicketFilters(**given)


# The same parameters as a coroutine, since FastAPI makes an instance of a class in a thread.
_read.__signature__ = inspect.signature(TicketFilters)  # type: ignore[attr-defined]
TicketFiltersDep = Annotated[TicketFilters, Depends(_read)]


# Which filters were given, and in which form: what the text of a list's statement depends on.
Forms = tuple[tuple[str, str], ...]
_TEXTS = ("status", "priority", "type", "channel", "pending_reason", "sla_state", "language")
_IDS = {"team_id": "tea", "assignee_id": "usr", "requester_id": "usr", "category_id": "cat", "organization_id": "org"}
_INSTANTS: dict[str, Any] = {
    "created_after": Ticket.created_at.__ge__,
    "created_before": Ticket.created_at.__lt__,
    "sla_due_after": Ticket.sla_due_at.__ge__,
    "sla_due_before": Ticket.sla_due_at.__lt__,
}
_UPDATED: dict[str, Any] = {"updated_after": operator.ge, "updated_before": operator.lt}
_ACTIVE = frozenset(status.value for status in ACTIVE_STATUSES)


def read_filters(
    filters: TicketFilters, principal: Principal, sought: Sought | None = None
) -> tuple[Forms, dict[str, Any]]:
    """The form of each given filter, and the values for the binds of `clauses`; `q` comes as `sought`."""
    forms: list[tuple[str, str]] = []
    values: dict[str, Any] = {}
    for name in _TEXTS:
        if (text := getattr(filters, name)) is not None:
            forms += [(name, form) for form in _read_words(name, text, values)]
    for name, prefix in _IDS.items():
        if (text := getattr(filters, name)) is not None:
            forms.append((name, _read_ids(name, prefix, text, principal, values)))
    for name in (*_INSTANTS, *_UPDATED, "external_source", "external_id"):
        if (value := getattr(filters, name)) is not None:
            forms.append((name, "one"))
            values[name] = value
    if sought is not None:
        forms.append(("q", sought.frequency))
        values["q"] = sought.tsquery
    if filters.tag is not None:
        forms.append(("tag", "any"))
        values["tag"] = filters.tag.split(",")
    if filters.watching is not None:
        forms.append(("watching", "yes" if filters.watching else "no"))
        values["watcher_id"] = principal.user_id
    return tuple(forms), values


def _read_words(name: str, text: str, values: dict[str, Any]) -> list[str]:
    words = list(dict.fromkeys(text.split(",")))
    known = ["active"] if name == "status" and _ACTIVE.issuperset(words) else []
    if known and len(words) == len(_ACTIVE):
        return known
    values[name] = words[0] if len(words) == 1 else words
    return [*known, "one" if len(words) == 1 else "many"]


def _read_ids(name: str, prefix: str, text: str, principal: Principal, values: dict[str, Any]) -> str:
    words = text.split(",")
    ids = [principal.user_id if word == "me" else parse_id(prefix, word) for word in words if word != "none"]
    if ids:
        values[name] = ids[0] if len(ids) == 1 else ids
    form = {0: "", 1: "one"}.get(len(ids), "many")
    return f"{form}_or_none" if "none" in words else form


def clauses(shape: CallerShape, forms: Forms, asked: Checked | None = None) -> list[ColumnElement[bool]]:
    """The WHERE of a list call, the filters' values left to binds. Visibility is added by `select_tickets`."""
    found = [_clause(shape, name, form) for name, form in forms]
    if asked is not None:
        found.append(compile_where(asked, partial(_text_matches, shape)))
    return found


@dataclass(frozen=True, slots=True)
class Lead:
    """A text that every match must have and few have, and what else is asked; `sought` is None for that of `q`."""

    sought: Sought | None
    other_forms: Forms
    other_asked: Checked | None

    @property
    def tsquery(self) -> ColumnElement[str]:
        return bindparam("q", type_=Text) if self.sought is None else literal(self.sought.tsquery, Text)


def leading_text(shape: CallerShape, forms: Forms, asked: Checked | None) -> Lead | None:
    """None where any text is one that many have, or only one of several things that would do. What is asked besides may
    leave little of what a text finds, as a requester's sight does; of one that some have, that would be much to find.
    """
    parts = asked.parts if isinstance(asked, Every) else () if asked is None else (asked,)
    is_wide = shape.is_staff and len(forms) + len(parts) == 1
    led = (Frequency.FEW, Frequency.SOME) if is_wide else (Frequency.FEW,)
    for form in forms:
        if form[0] == "q" and form[1] in led:
            return Lead(None, tuple(other for other in forms if other is not form), asked)
    for part in parts:
        if isinstance(part, Leaf) and part.op is ConditionOperator.MATCHES and part.operand.frequency in led:
            others = tuple(other for other in parts if other is not part)
            return Lead(part.operand, forms, Every(others))
    return None


def _text_matches(shape: CallerShape, sought: Sought) -> ColumnElement[bool]:
    return matches(shape, literal(sought.tsquery, Text), sought.frequency)


def _clause(shape: CallerShape, name: str, form: str) -> ColumnElement[bool]:
    if name in _IDS:
        return _any_id(name, form)
    if name in _TEXTS:
        return _any_text(name, form)
    if name in _INSTANTS:
        return _INSTANTS[name](bindparam(name, type_=Ticket.created_at.type))  # type: ignore[no-any-return]
    if name in _UPDATED:
        return _is_updated(shape, name)
    if name == "tag":
        return Ticket.tags.bool_op("&&")(bindparam(name, type_=ARRAY(Text)))
    if name == "q":
        return matches(shape, bindparam(name, type_=Text), Frequency(form))
    if name == "watching":
        watches = exists(
            select(TicketWatcher.ticket_id).where(
                TicketWatcher.ticket_id == Ticket.id,
                TicketWatcher.user_id == bindparam("watcher_id", type_=Uuid(as_uuid=True)),
            )
        )
        return watches if form == "yes" else ~watches
    return getattr(Ticket, name) == bindparam(name, type_=Text)  # type: ignore[no-any-return]


def _is_updated(shape: CallerShape, name: str) -> ColumnElement[bool]:
    """What is shown is one of two columns, the public one never the later. Each bound is also asked of the column that
    has an index and leaves out nothing."""
    compare, at = _UPDATED[name], bindparam(name, type_=Ticket.created_at.type)
    if not shape.is_staff:
        return compare(Ticket.public_updated_at, at)  # type: ignore[no-any-return]
    bound = Ticket.updated_at if compare is operator.ge else Ticket.public_updated_at
    return and_(compare(bound, at), compare(shown_updated_at(shape), at))


def _any_text(name: str, form: str) -> ColumnElement[bool]:
    column = getattr(Ticket, name)
    if form == "active":
        # Said in words, so that the planner sees that the index of active tickets has them all.
        return column.in_([literal_column(f"'{status}'") for status in sorted(_ACTIVE)])  # type: ignore[no-any-return]
    if form == "one":
        # Equality lets an index on (…, column) serve the order too; ANY would not.
        return column == bindparam(name, type_=Text)  # type: ignore[no-any-return]
    return column == any_(bindparam(name, type_=ARRAY(Text)))  # type: ignore[no-any-return]


def _any_id(name: str, form: str) -> ColumnElement[bool]:
    column = getattr(Ticket, name)
    some, _, nobody = form.partition("_or_")
    alternatives: list[ColumnElement[bool]] = []
    if some == "one":
        alternatives.append(column == bindparam(name, type_=Uuid(as_uuid=True)))
    elif some == "many":
        alternatives.append(any_of(column, bindparam(name, type_=IDS)))
    if nobody:
        alternatives.append(column.is_(None))
    return or_(*alternatives)
