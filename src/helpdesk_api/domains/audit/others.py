"""What else an event about a ticket names: others that were linked, merged or split, and the article that served. Who
reads the one may not see the other.

What names one is left out for a reader who cannot see it, as the ticket, its links and `ticket_merged` leave it out.
"""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.knowledge import policy as articles
from helpdesk_api.domains.knowledge.models import Article
from helpdesk_api.domains.tickets import policy as tickets
from helpdesk_api.domains.tickets.models import Ticket

_ROLES = ("into", "linked", "merged", "other")
_CHANGED = ("merged_into_id", "resolution_article_id")


def named_in(row: Any) -> set[str]:
    """The public ids of other tickets and of articles in the internal side of an event."""
    values = [row["internal_data"].get(f"{role}_id") for role in _ROLES]
    values += [value for name in _CHANGED for value in row["internal_changes"].get(name, ())]
    return {value for value in values if isinstance(value, str) and value.startswith(("tkt_", "art_"))}


def of_kind(prefix: str, named: Iterable[str]) -> list[UUID]:
    return [parse_id(prefix, name) for name in sorted(named) if name.startswith(f"{prefix}_")]


async def hidden_from(reads: ReadSession, principal: Principal, rows: Iterable[Any]) -> frozenset[str]:
    """Those that the reader cannot see: one statement for a page's tickets, one for its articles, and none when it
    names no others."""
    if principal.is_admin:
        return frozenset()
    named = {name for row in rows if row["sees_internal"] for name in named_in(row)}
    seen: set[str] = set()
    for prefix, column, sight in (
        ("tkt", Ticket.id, tickets.readable(principal)),
        ("art", Article.id, articles.readable(principal)),
    ):
        if ids := of_kind(prefix, named):
            found = await reads.fetch(select(column).where(tickets.any_of(column, ids), sight))
            seen |= {public_id(prefix, row["id"]) for row in found}
    return frozenset(named - seen)


def without(hidden: Collection[str], changes: dict[str, Any], facts: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The internal changes and details of an event without what names these."""
    roles = [role for role in _ROLES if facts.get(f"{role}_id") in hidden]
    left_out = {f"{role}_{what}" for role in roles for what in ("id", "reference")}
    facts = {name: value for name, value in facts.items() if name not in left_out}
    untold = [name for name in _CHANGED if not set(hidden).isdisjoint(changes.get(name, ()))]
    return {name: values for name, values in changes.items() if name not in untold}, facts
