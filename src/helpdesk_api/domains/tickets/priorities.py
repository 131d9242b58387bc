"""A ticket's priority: set by hand with a reason that is kept, or what follows from what is known of the ticket."""

import re
from collections.abc import Mapping
from typing import Any

from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories import queries as categories
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.domains.categories.rules import priority_for
from helpdesk_api.domains.tickets.enums import PrioritySource
from helpdesk_api.domains.tickets.errors import PriorityReasonRequired, PriorityReasonUnused
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.schemas import TicketCreate
from helpdesk_api.web.schemas import NOT_BLANK

_POINTER = "#/priority_reason"
_NOT_BLANK = re.compile(NOT_BLANK)


def check_first_priority(principal: Principal, body: TicketCreate) -> None:
    """Raises `missing_scope`, `priority_reason_required` and `priority_reason_unused`."""
    if body.priority is not None:
        _check_by_hand(principal, body.priority_reason)
    elif body.priority_reason is not None:
        raise PriorityReasonUnused(pointer=_POINTER)


def _check_by_hand(principal: Principal, reason: str | None) -> None:
    if not principal.has(Permission.TICKETS_ADMIN):
        raise MissingScope(Permission.TICKETS_ADMIN)
    _check_said(reason)


def _check_said(reason: str | None) -> None:
    """Blank is what all texts that must say something take as such."""
    if reason is None or _NOT_BLANK.search(reason) is None:
        raise PriorityReasonRequired(pointer=_POINTER)


async def changed_priority(
    database: Database, principal: Principal, ticket: Ticket, values: Mapping[str, Any]
) -> dict[str, Any]:
    """What else a change of these fields sets. A priority by hand stays until it is cleared, and is then what it would
    have been from the start; what a rule or a model decided stays until impact and urgency say otherwise.

    Raises `missing_scope`, `priority_reason_required` and `priority_reason_unused`.
    """
    if values.get("priority") is not None:
        _check_by_hand(principal, values.get("priority_reason"))
        return {"priority_source": PrioritySource.MANUAL}
    is_cleared = "priority" in values
    by_hand = ticket.priority_source is PrioritySource.MANUAL and not is_cleared
    if "priority_reason" in values:
        _check_reason(values["priority_reason"], None if is_cleared else ticket.priority_reason, by_hand=by_hand)
    if by_hand or not {"priority", "impact", "urgency"} & values.keys():
        return {}
    merged = {name: values.get(name, getattr(ticket, name)) for name in ("impact", "urgency", "category_id")}
    has_both = merged["impact"] is not None and merged["urgency"] is not None
    if not (has_both or is_cleared or ticket.priority_source is PrioritySource.MATRIX):
        return {}
    priority, source = await _following(database, merged)
    return {"priority": priority, "priority_source": source, "priority_reason": None}


def _check_reason(reason: str | None, kept: str | None, *, by_hand: bool) -> None:
    """Sent without a priority: another one for that by hand, or the same again."""
    if by_hand:
        _check_said(reason)
    elif reason != kept:
        raise PriorityReasonUnused(pointer=_POINTER)


async def _following(database: Database, facts: Mapping[str, Any]) -> tuple[Priority, PrioritySource]:
    """In the order in which a new ticket's is decided."""
    impact, urgency = facts["impact"], facts["urgency"]
    if impact is not None and urgency is not None:
        return priority_for(await categories.matrix(database), impact, urgency), PrioritySource.MATRIX
    inherited = await categories.default_priority_of(database, facts["category_id"])
    if inherited is not None:
        return inherited, PrioritySource.CATEGORY
    return Priority.LOW, PrioritySource.DEFAULT
