"""The other tickets that an event names: linked, merged or split. Who reads the one may not see the other.

What names one is left out for a reader who cannot see it, as the list of links and `ticket_merged` leave it out.
"""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.tickets import policy as tickets
from helpdesk_api.domains.tickets.models import Ticket

_ROLES = ("into", "linked", "merged", "other")
_CHANGED = "merged_into_id"


def named_in(row: Any) -> set[str]:
    """The public ids of the other tickets in the internal side of an event."""
    values = [row["internal_data"].get(f"{role}_id") for role in _ROLES]
    values += row["internal_changes"].get(_CHANGED, ())
    return {value for value in values if isinstance(value, str) and value.startswith("tkt_")}


async def hidden_from(reads: ReadSession, principal: Principal, rows: Iterable[Any]) -> frozenset[str]:
    """Those that the reader cannot see: one statement for a page, and none when it names no others."""
    if principal.is_admin:
        return frozenset()
    named = {name for row in rows if row["sees_internal"] for name in named_in(row)}
    if not named:
        return frozenset()
    ids = [parse_id("tkt", name) for name in sorted(named)]
    seen = select(Ticket.id).where(tickets.any_of(Ticket.id, ids), tickets.readable(principal))
    return frozenset(named - {public_id("tkt", row["id"]) for row in await reads.fetch(seen)})


def without(hidden: Collection[str], changes: dict[str, Any], facts: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The internal changes and details of an event without what names these tickets."""
    roles = [role for role in _ROLES if facts.get(f"{role}_id") in hidden]
    left_out = {f"{role}_{what}" for role in roles for what in ("id", "reference")}
    facts = {name: value for name, value in facts.items() if name not in left_out}
    if not set(hidden).isdisjoint(changes.get(_CHANGED, ())):
        changes = {name: values for name, values in changes.items() if name != _CHANGED}
    return changes, facts
