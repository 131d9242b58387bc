"""Rows in groups: which group comes first, by what its words mean and not by their letters."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, literal_column

from helpdesk_api.domains.teams.models import Team
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.models import PRIORITY_RANK, SLA_STATE_RANK, Ticket
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
TEAM: Final = "team_id"
GROUPS: Final = frozenset({*_RANKS, TEAM})


def group_keys(group_by: str | None) -> tuple[SortKey, ...]:
    """For the cursor, which knows no columns: critical first, statuses as work runs, what is late first, teams by
    name, and last those without."""
    if group_by is None:
        return ()
    if group_by == TEAM:
        return SortKey("team_name", None, str, nullable=True), SortKey("team_id", None, UUID, nullable=True)
    return (_RANK,)


def group_columns(group_by: str | None) -> list[ColumnElement[Any]]:
    """What a ticket's row says of its group."""
    if group_by is None:
        return []
    return [Ticket.team_id.label("team_id") if group_by == TEAM else _RANKS[group_by].label(_RANK.name)]


def with_names(statement: Any, rows: Any, group_by: str | None) -> Any:
    """With all that `group_keys` names; `rows` have the columns of `group_columns`, and stand in the statement."""
    if group_by != TEAM:
        return statement
    name = func.left(func.lower(Team.name), literal_column(str(_NAME_LENGTH)))
    return statement.add_columns(name.label("team_name")).outerjoin(Team, Team.id == rows.c.team_id)
