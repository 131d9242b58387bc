"""What a text about a ticket may name: public fields alone, so that a reply made of it tells nobody a secret."""

import json
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.categories.models import Category
from helpdesk_api.domains.teams.models import Team
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
OFFERED: Final[Offered] = {
    "ticket": _PLAIN | {"opened_on", "category", "team", "assignee"},
    "requester": _PERSON,
    "current_user": _PERSON,
}


async def ticket_values(reads: ReadSession, principal: Principal, row: Any) -> Values:
    """From a row of `select_tickets`, as its reader was shown it: one statement for the names."""
    shown = json.loads(row["body"])
    names = await _names(reads, row)
    return {
        "ticket": {
            **{name: shown[name] for name in _PLAIN},
            "opened_on": shown["created_at"][:10],
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


async def _names(reads: ReadSession, row: Any) -> Any:
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
