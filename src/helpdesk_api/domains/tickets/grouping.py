"""Rows in groups: which group comes first, by what its words mean and not by their letters."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, literal_column
from sqlalchemy.orm import InstrumentedAttribute

from helpdesk_api.domains.teams.models import Team
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.models import PRIORITY_RANK, SLA_STATE_RANK, Ticket
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.listing import SortKey

# As much of a name as a cursor can carry; the id tells apart what is alike so far.
_NAME_LENGTH: Final = 60
_RANK: Final = SortKey("group_rank", None, int)


def _place(column: Any, words: Any) -> ColumnElement[int]:
    """Where a word stands among these; nothing stands behind them all."""
    places: list[tuple[Any, Any]] = [(column == word, literal_column(str(place))) for place, word in enumerate(words)]
    return case(*places, else_=literal_column(str(len(places))))


_RANKS: Final[Mapping[str, ColumnElement[int]]] = {
    "status": _place(Ticket.status, TicketStatus),
    "priority": -PRIORITY_RANK,
    "sla_state": SLA_STATE_RANK,
}
ASSIGNEE: Final = "assignee_id"
# What has a name, and by which column a ticket leads to it.
_NAMED: Final[Mapping[str, tuple[InstrumentedAttribute[UUID | None], type[Team | User]]]] = {
    "team_id": (Ticket.team_id, Team),
    ASSIGNEE: (Ticket.assignee_id, User),
}
GROUPS: Final = frozenset({*_RANKS, *_NAMED})


def group_keys(group_by: str | None) -> tuple[SortKey, ...]:
    """For the cursor, which knows no columns: critical first, statuses as work runs, what is late first, teams and
    people by name, and last those without."""
    if group_by is None:
        return ()
    if group_by in _NAMED:
        return SortKey("group_name", None, str, nullable=True), SortKey(group_by, None, UUID, nullable=True)
    return (_RANK,)


def group_columns(group_by: str | None) -> list[ColumnElement[Any]]:
    """What a ticket's row says of its group."""
    if group_by is None:
        return []
    if group_by in _NAMED:
        return [_NAMED[group_by][0].label(group_by)]
    return [_RANKS[group_by].label(_RANK.name)]


def with_names(statement: Any, rows: Any, group_by: str | None) -> Any:
    """With all that `group_keys` names; `rows` have the columns of `group_columns`, and stand in the statement."""
    if group_by is None or group_by not in _NAMED:
        return statement
    named = _NAMED[group_by][1]
    name = func.left(func.lower(named.name), literal_column(str(_NAME_LENGTH)))
    return statement.add_columns(name.label("group_name")).outerjoin(named, named.id == rows.c[group_by])
