"""The list's filters and orders: declared parameters, each one clause; an index stands behind every order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Text,
    any_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
)

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id
from helpdesk_api.domains.categories.enums import Channel, Priority, TicketType
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from helpdesk_api.domains.tickets.models import SEARCH, Ticket, TicketWatcher
from helpdesk_api.domains.tickets.policy import any_of
from helpdesk_api.web.listing import SortKey
from helpdesk_api.web.schemas import RequestInstant, SearchText

_MAX_IDS = 50


def _one_of(enum: Any) -> str:
    words = "|".join(member.value for member in enum)
    return f"^({words})(,({words})){{0,{len(enum) - 1}}}$"


def _ids(prefix: str, *words: str) -> str:
    one = "|".join([f"{prefix}_[0-9a-f]{{32}}", *words])
    return f"^({one})(,({one})){{0,{_MAX_IDS - 1}}}$"


def _listed(pattern: str, description: str, width: int = 2_000) -> Any:
    return Query(pattern=pattern, max_length=width, description=description)


_RANK = case(
    (Ticket.priority == Priority.CRITICAL, 4),
    (Ticket.priority == Priority.HIGH, 3),
    (Ticket.priority == Priority.MEDIUM, 2),
    else_=1,
)
SORTS = {
    "created_at": SortKey("created_at", Ticket.created_at, datetime),
    "updated_at": SortKey("updated_at", Ticket.public_updated_at, datetime),
    "priority": SortKey("priority", _RANK, int),
    "resolved_at": SortKey("resolved_at", Ticket.resolved_at, datetime, nullable=True),
    "number": SortKey("number", Ticket.number, int),
}
DEFAULT_SORT = "-created_at"
TIE_BREAK = SortKey("id", Ticket.id, UUID)


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
    created_after: Annotated[RequestInstant | None, Query(description="Inclusive.")] = None
    created_before: Annotated[RequestInstant | None, Query(description="Exclusive.")] = None
    updated_after: Annotated[RequestInstant | None, Query(description="Inclusive.")] = None
    updated_before: Annotated[RequestInstant | None, Query(description="Exclusive.")] = None
    q: Annotated[
        SearchText | None,
        Query(description="Full text over subject, description, steps, affected service and reference."),
    ] = None


TicketFiltersDep = Annotated[TicketFilters, Depends()]


def clauses(filters: TicketFilters, principal: Principal) -> list[ColumnElement[bool]]:
    """The WHERE of a list call, one clause a given filter. Visibility is added by `select_tickets`."""
    found: list[ColumnElement[bool]] = [
        _any_text(getattr(Ticket, name), text.split(","))
        for name in ("status", "priority", "type", "channel", "pending_reason")
        if (text := getattr(filters, name)) is not None
    ]
    for name, prefix in (
        ("team_id", "tea"),
        ("assignee_id", "usr"),
        ("requester_id", "usr"),
        ("category_id", "cat"),
        ("organization_id", "org"),
    ):
        if (text := getattr(filters, name)) is not None:
            found.append(_any_id(getattr(Ticket, name), prefix, text, principal))
    found += _instants(filters)
    if filters.tag is not None:
        found.append(Ticket.tags.bool_op("&&")(literal(filters.tag.split(","), ARRAY(Text))))
    if filters.external_source is not None:
        found.append(Ticket.external_source == filters.external_source)
    if filters.external_id is not None:
        found.append(Ticket.external_id == filters.external_id)
    if filters.q is not None:
        found.append(SEARCH.op("@@")(func.websearch_to_tsquery("simple", filters.q)))
    if filters.watching is not None:
        watches = exists(
            select(TicketWatcher.ticket_id).where(
                TicketWatcher.ticket_id == Ticket.id,
                TicketWatcher.user_id == principal.user_id,
            )
        )
        found.append(watches if filters.watching else ~watches)
    return found


def _instants(filters: TicketFilters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for name, column in (
        ("created", Ticket.created_at),
        ("updated", Ticket.public_updated_at),
    ):
        if (after := getattr(filters, f"{name}_after")) is not None:
            found.append(column >= after)
        if (before := getattr(filters, f"{name}_before")) is not None:
            found.append(column < before)
    return found


def _any_text(column: Any, values: list[str]) -> ColumnElement[bool]:
    if len(values) == 1:
        # Equality lets an index on (…, column) serve the order too; ANY would not.
        return column == values[0]  # type: ignore[no-any-return]
    return column == any_(literal(values, ARRAY(Text)))  # type: ignore[no-any-return]


def _any_id(column: Any, prefix: str, text: str, principal: Principal) -> ColumnElement[bool]:
    words = text.split(",")
    ids = [principal.user_id if word == "me" else parse_id(prefix, word) for word in words if word != "none"]
    alternatives: list[ColumnElement[bool]] = []
    if len(ids) == 1:
        alternatives.append(column == ids[0])
    elif ids:
        alternatives.append(any_of(column, ids))
    if "none" in words:
        alternatives.append(column.is_(None))
    return or_(*alternatives)
