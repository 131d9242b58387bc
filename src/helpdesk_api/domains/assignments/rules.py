"""Pure rules of routing: what a new ticket gets, who takes it, and what it weighs on them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES

# One critical ticket keeps somebody as busy as eight small ones.
WEIGHTS: Final[Mapping[Priority, int]] = {
    Priority.LOW: 1,
    Priority.MEDIUM: 2,
    Priority.HIGH: 4,
    Priority.CRITICAL: 8,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member of a team as somebody who could take a ticket. `open_limit` bounds `open_count`, not the load."""

    user_id: UUID
    name: str
    is_available: bool
    away_until: datetime | None
    open_limit: int | None
    open_load: int
    open_count: int
    last_assigned_at: datetime | None

    def is_free(self, now: datetime) -> bool:
        present = self.is_available or (self.away_until is not None and self.away_until <= now)
        return present and (self.open_limit is None or self.open_count < self.open_limit)


def choose(candidates: Iterable[Candidate], now: datetime) -> Candidate | None:
    """The free one with the least load; ties go to whoever waited longest for work, the never assigned first."""
    free = [candidate for candidate in candidates if candidate.is_free(now)]
    return min(free, key=_busyness, default=None)


def _busyness(candidate: Candidate) -> tuple[int, bool, float, bytes]:
    idle_since = candidate.last_assigned_at
    return (
        candidate.open_load,
        idle_since is not None,
        idle_since.timestamp() if idle_since is not None else 0.0,
        candidate.user_id.bytes,
    )


@dataclass(slots=True)
class Roster:
    """Who works in which team, as read once; each assignment counts at once, so many can be planned in a row.

    Teams that leave assigning to people are in `teams` but not in `members`.
    """

    people: dict[UUID, Candidate] = field(default_factory=dict)
    members: dict[UUID, list[UUID]] = field(default_factory=dict)
    teams: set[UUID] = field(default_factory=set)

    def assigns(self, team_id: UUID | None) -> bool:
        """Whether new work of this team is given to a member by itself."""
        return team_id in self.members

    def assign(
        self, team_id: UUID | None, priority: Priority, now: datetime, *, excluding: UUID | None = None
    ) -> Candidate | None:
        """The member who takes it, as they were before; None when nobody is free."""
        if team_id is None or team_id not in self.members:
            return None
        chosen = choose((self.people[user] for user in self.members[team_id] if user != excluding), now)
        if chosen is not None:
            self.people[chosen.user_id] = replace(
                chosen,
                open_load=chosen.open_load + WEIGHTS[priority],
                open_count=chosen.open_count + 1,
                last_assigned_at=now,
            )
        return chosen


@dataclass(frozen=True, slots=True)
class Holding:
    """Whose work a ticket is and what it weighs."""

    assignee_id: UUID | None
    status: TicketStatus
    priority: Priority

    @property
    def weight(self) -> int:
        return WEIGHTS[self.priority] if self.assignee_id is not None and self.status in ACTIVE_STATUSES else 0


@dataclass(frozen=True, slots=True)
class LoadChange:
    """How much more, or less, somebody has to do. `was_assigned` when the ticket is new to them."""

    user_id: UUID
    load: int
    count: int
    was_assigned: bool


def load_changes(before: Holding, after: Holding) -> list[LoadChange]:
    """Nothing for nobody, ordered by person, so that all writers lock people in one order."""
    loads: dict[UUID, tuple[int, int]] = {}
    for holding, sign in ((before, -1), (after, 1)):
        if holding.assignee_id is not None and holding.weight:
            load, count = loads.get(holding.assignee_id, (0, 0))
            loads[holding.assignee_id] = (load + sign * holding.weight, count + sign)
    gained = after.assignee_id if after.assignee_id != before.assignee_id else None
    if gained is not None:
        loads.setdefault(gained, (0, 0))
    return [
        LoadChange(user_id, load, count, user_id == gained)
        for user_id, (load, count) in sorted(loads.items())
        if load or count or user_id == gained
    ]


def frees_capacity(changes: Mapping[str, Sequence[Any]]) -> bool:
    """Whether a ticket's event, by its stored changes, may have made somebody free."""
    assignee = changes.get("assignee_id")
    if assignee is not None and assignee[0] is not None:
        return True
    status = changes.get("status")
    return status is not None and status[0] in ACTIVE_STATUSES and status[1] not in ACTIVE_STATUSES
