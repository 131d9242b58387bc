"""Of a preview: clocks that would begin late, for tickets that are open already, by the rules that publishing follows.

Only tickets of which a promise has no clock are read, and the past of those alone.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, exists, literal_column, or_, select
from sqlalchemy.dialects.postgresql import array

from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.sla.clock_models import SlaClock, StoredClock
from helpdesk_api.domains.sla.clock_queries import EVENT_COLUMNS, event_rows
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.sla.clock_state import Fact, Hours, Plan
from helpdesk_api.domains.sla.clock_store import CLOCKS
from helpdesk_api.domains.sla.enums import ClockState, Metric, PolicyKind
from helpdesk_api.domains.sla.facts import CREATED, REPLIED, SITUATION, read_facts
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import IDS, any_of
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import EventRow

Key = tuple[PolicyKind, Metric]
_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Beginning:
    """A clock that would begin, counted from its start in the past."""

    ticket_id: UUID
    reference: str
    kind: PolicyKind
    metric: Metric
    due_at: datetime | None
    is_late: bool

    @property
    def rank(self) -> tuple[bool, float, str, str, str]:
        """Late ones first, then by due time, then those without one."""
        due = self.due_at.timestamp() if self.due_at is not None else float("inf")
        return (not self.is_late, due, self.reference, self.kind, self.metric)


class _Candidate(NamedTuple):
    id: UUID
    reference: str
    plan: Plan


async def beginnings(
    reads: ReadSession,
    keys: Collection[Key],
    names: Sequence[str],
    is_open: ColumnElement[bool],
    plan_of: Callable[[tuple[Any, ...]], Plan],
    hours_of: Callable[[UUID], Hours],
    at: datetime,
    most: int,
) -> tuple[list[Beginning], bool]:
    """And whether these are all: of `most` tickets at the most the past is read, the oldest first, which are the first
    to be late. `keys` are what some open ticket has no clock of; `names` the facts of a ticket by which `plan_of`
    judges."""
    wanted = sorted(keys)
    if not wanted:
        return [], True
    facts = [getattr(Ticket, name) for name in names]
    lacking = [_lacks(*key) for key in wanted]
    statement = select(Ticket.id, Ticket.reference, *lacking, *facts).where(is_open, or_(*map(_may_begin, wanted)))
    rows = await reads.fetch(statement.order_by(Ticket.id).limit(most + 1))
    candidates = await asyncio.to_thread(_candidates, rows[:most], wanted, plan_of)
    found: list[Beginning] = []
    for first in range(0, len(candidates), _AT_ONCE):
        some = candidates[first : first + _AT_ONCE]
        ids = {"ids": [one.id for one in some]}
        events, clocks = await reads.fetch(_PAST, ids), await reads.fetch(_ENDED, ids)
        found += await asyncio.to_thread(_judged, some, events, clocks, hours_of, at)
    return found, len(rows) <= most


def _lacks(kind: PolicyKind, metric: Metric) -> ColumnElement[bool]:
    """It never had such a clock, or none runs and one may have been withdrawn: the past says whether it was."""
    of_ticket = (SlaClock.ticket_id == Ticket.id, SlaClock.kind == kind, SlaClock.metric == metric)

    def has(*more: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists(select(SlaClock.id).where(*of_ticket, *more).correlate(Ticket))

    ended = [ClockState.CANCELLED, ClockState.BREACHED]
    may_come_back = and_(has(SlaClock.state.in_(ended)), ~has(SlaClock.ended_at.is_(None)))
    # A contract's clock begins when the ticket goes to the vendor, and never late.
    return may_come_back if kind is PolicyKind.UNDERPINNING_CONTRACT else or_(~has(), may_come_back)


def _may_begin(key: Key) -> ColumnElement[bool]:
    """What the ticket's row alone says of it."""
    more: list[ColumnElement[bool]] = [_lacks(*key)]
    if key[0] is PolicyKind.OLA:
        more.append(Ticket.team_id.is_not(None))
    if key[1] is Metric.ASSIGNMENT:
        more.append(Ticket.assignee_id.is_(None))
    if key[1] is Metric.NEXT_RESPONSE:
        # Somebody answered, and somebody asked again.
        more.append(Ticket.public_comment_count > 1)
    return and_(*more)


def _candidates(
    rows: Sequence[Any], wanted: Sequence[Key], plan_of: Callable[[tuple[Any, ...]], Plan]
) -> list[_Candidate]:
    found = []
    for row in rows:
        lacking = [key for key, is_lacking in zip(wanted, row[2:], strict=False) if is_lacking]
        plan = plan_of(tuple(row[2 + len(wanted) :]))
        promised = {key: plan[key] for key in lacking if key in plan}
        if promised:
            found.append(_Candidate(row["id"], row["reference"], promised))
    return found


_PAST = CompiledStatement(
    select(*EVENT_COLUMNS, EventRow.ticket_id)
    .where(
        any_of(EventRow.ticket_id, bindparam("ids", type_=IDS)),
        or_(
            EventRow.type == CREATED,
            # Of all that changes in a ticket, clocks look at little.
            and_(EventRow.type.startswith("ticket."), EventRow.changes.has_any(array(SITUATION))),
            and_(EventRow.type == REPLIED, EventRow.visibility == literal_column(f"'{Visibility.PUBLIC.value}'")),
        ),
    )
    .order_by(EventRow.position)
)


# Those that may have been withdrawn are among them.
_ENDED = CompiledStatement(
    select(*CLOCKS.columns).where(
        any_of(SlaClock.ticket_id, bindparam("ids", type_=IDS)),
        SlaClock.ended_at.is_not(None),
    )
)


def _judged(
    some: Sequence[_Candidate],
    events: Sequence[Any],
    ended: Sequence[Any],
    hours_of: Callable[[UUID], Hours],
    at: datetime,
) -> list[Beginning]:
    told: dict[UUID, list[Any]] = {}
    for row in event_rows(events):
        told.setdefault(row.ticket_id, []).append(row)
    had: dict[UUID, list[StoredClock]] = {}
    for one in map(CLOCKS.load, ended):
        had.setdefault(one.ticket_id, []).append(one)
    return [
        one
        for candidate in some
        for one in _begun(candidate, told.get(candidate.id, ()), had.get(candidate.id, []), hours_of, at)
    ]


def _begun(
    candidate: _Candidate,
    events: Sequence[Any],
    ended: list[StoredClock],
    hours_of: Callable[[UUID], Hours],
    at: datetime,
) -> Iterator[Beginning]:
    past = [told.fact for told in read_facts(events)]
    if not past:
        return
    at = max(at, past[-1].at)
    now = past[-1].after
    clocks = TicketClocks(ended, hours_of, lambda _: ())
    clocks.apply(Fact(at, now, now), candidate.plan, past)
    for one in clocks.ongoing():
        is_late = one.state is ClockState.RUNNING and one.used >= one.target and one.breached_at is None
        yield Beginning(candidate.id, candidate.reference, one.kind, one.metric, one.due_at, is_late)
