"""What a text about a ticket may name: public fields alone, so that a reply made of it tells nobody a secret."""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.categories.models import Category
from helpdesk_api.domains.teams.models import Team
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.placeholders import Offered, Values

_PERSON: Final = frozenset({"name", "first_name"})
_PLAIN: Final = frozenset(
    {
        "reference",
        "subject",
        "type",
        "status",
        "priority",
        "affected_service",
        "tags",
        "resolution_code",
        "resolution_text",
    }
)
_NAMED: Final = ("requester_id", "assignee_id", "team_id", "category_id")
OFFERED: Final[Offered] = {
    "ticket": _PLAIN | {"opened_on", "category", "team", "assignee"},
    "requester": _PERSON,
    "current_user": _PERSON,
}


async def ticket_values(reads: ReadSession, principal: Principal, row: Any) -> Values:
    """From a row of `select_tickets`, as its reader was shown it: one statement for the names."""
    shown = json.loads(row["body"])
    return await _values(reads, principal, {**shown, **row}, shown["created_at"][:10])


async def held_ticket_values(reads: ReadSession, principal: Principal, ticket: Ticket) -> Values:
    """The same of a ticket that the caller holds, in the midst of a change."""
    facts = {name: getattr(ticket, name) for name in (*_PLAIN, *_NAMED)}
    return await _values(reads, principal, facts, ticket.created_at.date().isoformat())


async def _values(reads: ReadSession, principal: Principal, facts: Mapping[str, Any], opened_on: str) -> Values:
    names = await _names(reads, facts)
    return {
        "ticket": {
            **{name: facts[name] for name in _PLAIN},
            "opened_on": opened_on,
            "category": names["category"],
            "team": names["team"],
            "assignee": names["assignee"],
        },
        "requester": person_values(names["requester"]),
        "current_user": person_values(principal.name),
    }


def person_values(name: str) -> dict[str, str]:
    words = name.split(maxsplit=1)
    return {"name": name, "first_name": words[0] if words else name}


async def _names(reads: ReadSession, row: Mapping[str, Any]) -> Any:
    def name_of(kind: type[User | Team | Category], held: UUID | None, label: str) -> Any:
        return select(kind.name).where(kind.id == held).scalar_subquery().label(label)

    return await reads.fetch_one(
        select(
            name_of(User, row["requester_id"], "requester"),
            name_of(User, row["assignee_id"], "assignee"),
            name_of(Team, row["team_id"], "team"),
            name_of(Category, row["category_id"], "category"),
        )
    )
