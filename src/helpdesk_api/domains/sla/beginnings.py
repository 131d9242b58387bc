"""Of a preview: clocks that would begin late, for tickets that are open already, by the rules that publishing follows.

Only tickets of which a promise has no clock are read, and the past of those alone.
"""

import asyncio
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, case, func, literal_column, or_, select, tuple_
from sqlalchemy.dialects.postgresql import aggregate_order_by, array

from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.sla.clock_models import SlaClock, StoredClock
from helpdesk_api.domains.sla.clock_past import late_start, stretches
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.sla.clock_state import NONE, Agreement, Fact, Hours, Plan
from helpdesk_api.domains.sla.clock_store import CLOCKS
from helpdesk_api.domains.sla.enums import ClockState, Metric, PolicyKind
from helpdesk_api.domains.sla.facts import (
    CREATED,
    INSTANT,
    REPLIED,
    SITUATION,
    WORD,
    facts_of_words,
    instant,
    microseconds,
)
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import IDS, any_of
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.models import EventRow

Key = tuple[PolicyKind, Metric]
# So many are judged while PostgreSQL looks up the next ones.
_AT_ONCE = 25_000
_NEW, _OLD = 1, 2


class Beginning(NamedTuple):
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
    """`new` are promises of which it never had a clock, `old` those of which the last may not be the last."""

    id: UUID
    reference: str
    new: Plan
    old: Plan


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
    rows = await reads.fetch(_lacking_read(tuple(wanted), names, is_open).limit(most + 1))
    candidates = await asyncio.to_thread(_candidates, rows[:most], wanted, plan_of)
    found: list[Beginning] = []
    some, told = candidates[:_AT_ONCE], await _told(reads, candidates[:_AT_ONCE])
    for first in range(_AT_ONCE, len(candidates) + _AT_ONCE, _AT_ONCE):
        following = candidates[first : first + _AT_ONCE]
        # PostgreSQL looks up the next ones meanwhile.
        judging = asyncio.to_thread(_judged, some, *told, hours_of, at)
        judged, next_told = await asyncio.gather(judging, _told(reads, following), return_exceptions=True)
        if isinstance(judged, BaseException):
            raise judged
        if isinstance(next_told, BaseException):
            raise next_told
        found += judged
        some, told = following, next_told
    return found, len(rows) <= most


async def _told(reads: ReadSession, some: Sequence[_Candidate]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Their pasts, and the clocks that may come back."""
    pasts = await reads.fetch(_PAST, {"ids": [one.id for one in some]}) if some else []
    had = [one.id for one in some if one.old]
    return pasts, await reads.fetch(_ENDED, {"ids": had}) if had else []


def _lacking_read(wanted: Sequence[Key], names: Sequence[str], is_open: ColumnElement[bool]) -> AnySelect:
    """Id and reference of each ticket that may begin one, how it lacks each of them, and the facts of the names."""
    facts = [getattr(Ticket, name) for name in names]
    of_keys = tuple_(SlaClock.kind, SlaClock.metric).in_(wanted)
    lacking = [_lacks(*key) for key in wanted]
    return (
        select(Ticket.id, Ticket.reference, *lacking, *facts)
        .outerjoin(SlaClock, and_(SlaClock.ticket_id == Ticket.id, of_keys))
        .where(is_open)
        .group_by(Ticket.id)
        .having(or_(*(and_(lacks > 0, *_may_begin(*key)) for key, lacks in zip(wanted, lacking, strict=True))))
        .order_by(Ticket.id)
    )


def _lacks(kind: PolicyKind, metric: Metric) -> ColumnElement[int]:
    """`_NEW` when it never had such a clock, `_OLD` when none runs and one may go on, or another begin: the past says
    whether it does. By the same columns as `may_go_on`."""

    def has(*more: ColumnElement[bool]) -> ColumnElement[bool]:
        return func.count(SlaClock.id).filter(SlaClock.kind == kind, SlaClock.metric == metric, *more) > 0

    may_go_on: ColumnElement[bool] = has()
    if kind is PolicyKind.UNDERPINNING_CONTRACT or (metric is Metric.FIRST_RESPONSE and kind is PolicyKind.SLA):
        may_go_on = has(SlaClock.state.in_([ClockState.CANCELLED, ClockState.BREACHED]))
    elif metric is Metric.NEXT_RESPONSE:
        may_go_on = or_(
            has(SlaClock.state.in_([ClockState.CANCELLED, ClockState.BREACHED])),
            ~has(SlaClock.ended_at > Ticket.last_public_comment_at),
        )
    # A contract's clock begins when the ticket goes to the vendor, and never late.
    never_had = 0 if kind is PolicyKind.UNDERPINNING_CONTRACT else _NEW
    return case((~has(), never_had), (has(SlaClock.ended_at.is_(None)), 0), (may_go_on, _OLD), else_=0)


def _may_begin(kind: PolicyKind, metric: Metric) -> Iterator[ColumnElement[bool]]:
    """What the ticket's row alone says of it."""
    if kind is PolicyKind.OLA:
        yield Ticket.team_id.is_not(None)
    if metric is Metric.ASSIGNMENT:
        yield Ticket.assignee_id.is_(None)
    if metric is Metric.NEXT_RESPONSE:
        # Somebody answered or resolved it, and somebody asked again.
        yield Ticket.public_comment_count + Ticket.reopened_count > 1


def _candidates(
    rows: Sequence[Any], wanted: Sequence[Key], plan_of: Callable[[tuple[Any, ...]], Plan]
) -> list[_Candidate]:
    found = []
    known: dict[Hashable, tuple[Plan, Plan]] = {}
    for row in rows:
        alike = likeness(row[2:])
        parts = known.get(alike)
        if parts is None:
            parts = known[alike] = _parts(row[2:], wanted, plan_of)
        if parts[0] or parts[1]:
            found.append(_Candidate(row["id"], row["reference"], *parts))
    return found


def likeness(values: tuple[Any, ...]) -> Hashable:
    """By which tickets that are alike in all these are known; lists and objects as texts."""
    try:
        hash(values)
    except TypeError:
        return tuple(value if isinstance(value, Hashable) else repr(value) for value in values)
    return values


def _parts(
    values: tuple[Any, ...], wanted: Sequence[Key], plan_of: Callable[[tuple[Any, ...]], Plan]
) -> tuple[Plan, Plan]:
    plan = plan_of(values[len(wanted) :])
    lacking = [(key, how) for key, how in zip(wanted, values, strict=False) if key in plan]
    new, old = ({key: plan[key] for key, lacks in lacking if lacks == how} for how in (_NEW, _OLD))
    return new, old


def _past() -> CompiledStatement:
    """A row for each ticket, with all that happened to it in order; of what changed in it, clocks look at little."""
    own = [EventRow.ticket_id, EventRow.position, INSTANT.label("at"), WORD.label("word")]
    told = (
        select(*own)
        .where(
            any_of(EventRow.ticket_id, bindparam("ids", type_=IDS)),
            or_(
                EventRow.type == CREATED,
                and_(EventRow.type.startswith("ticket."), EventRow.changes.has_any(array(SITUATION))),
                and_(EventRow.type == REPLIED, EventRow.visibility == literal_column(f"'{Visibility.PUBLIC.value}'")),
            ),
        )
        .order_by(EventRow.ticket_id, EventRow.position)
        .subquery()
    )
    instants = func.array_agg(aggregate_order_by(told.c.at, told.c.position))
    words = func.string_agg(told.c.word, aggregate_order_by(literal_column("' '"), told.c.position))
    listed = (instants.label("instants"), words.label("words"))
    return CompiledStatement(select(told.c.ticket_id, *listed).group_by(told.c.ticket_id))


_PAST = _past()
# Those that may have been withdrawn are among them.
_ENDED = CompiledStatement(
    select(*CLOCKS.columns).where(
        any_of(SlaClock.ticket_id, bindparam("ids", type_=IDS)),
        SlaClock.ended_at.is_not(None),
    )
)


def _judged(
    some: Sequence[_Candidate],
    pasts: Sequence[Any],
    ended: Sequence[Any],
    hours_of: Callable[[UUID], Hours],
    at: datetime,
) -> list[Beginning]:
    told = {row["ticket_id"]: row for row in pasts}
    had: dict[UUID, list[StoredClock]] = {}
    for one in map(CLOCKS.load, ended):
        had.setdefault(one.ticket_id, []).append(one)
    found: list[Beginning] = []
    courses: Courses = {}
    until = microseconds(at)
    for candidate in some:
        row = told.get(candidate.id)
        if row is None:
            continue
        past = Past(row["instants"], row["words"], until)
        found += _anew(candidate, past, courses, hours_of)
        if candidate.old and past.facts:
            found += _again(candidate, had.get(candidate.id, []), past, hours_of)
    return found


# Of the present cycle, between which instants of a past a clock does what, by their places among all its instants.
Course = Sequence[tuple[int, int, str]]
Courses = dict[tuple[str, Sequence[int], int], Course]


class Past:
    """What happened to a ticket, at instants in microseconds since 1970, until now."""

    def __init__(self, instants: Sequence[int], words: str, until: int) -> None:
        self.words = words
        self._instants = instants
        self._until = until

    @property
    def facts(self) -> Sequence[Fact]:
        return facts_of_words(self._instants, self.words)

    @property
    def now(self) -> Fact:
        *_, last = self.facts
        return Fact(max(instant(self._until), last.at), last.after, last.after)

    def course(self, agreement: Agreement, courses: Courses) -> tuple[Course, Sequence[int]]:
        """And the instants by their places. Nothing of a course when there is nothing to run for.

        To many tickets the same happened in the same order, and what clocks make of that, which takes longest, is
        known by the first of them.
        """
        told = [*self._instants, max(self._until, self._instants[-1])]
        in_order = sorted(set(told))
        places: Sequence[int] = range(len(told)) if in_order == told else [in_order.index(one) for one in told]
        key = self.words, tuple(places), id(agreement)
        if key not in courses:
            courses[key] = _course(agreement, Past(places[:-1], self.words, places[-1]))
        return courses[key], in_order


def _course(agreement: Agreement, past: Past) -> Course:
    facts = past.facts
    begun = late_start(agreement, facts, past.now) if facts else None
    if begun is None:
        return ()
    found = stretches(agreement, facts, begun, past.now)
    return [(microseconds(start), microseconds(end), why) for start, end, why in found]


def _anew(
    candidate: _Candidate, past: Past, courses: Courses, hours_of: Callable[[UUID], Hours]
) -> Iterator[Beginning]:
    """As `TicketClocks` begins one late, without all that could have happened to it: most tickets need no more."""
    for agreement in candidate.new.values():
        course, instants = past.course(agreement, courses)
        if not course:
            continue
        hours = hours_of(agreement.calendar_id)
        *before, (since, until, last) = course
        due, now = None, instant(instants[until])
        if last == "running":
            ran = [(instant(instants[start]), instant(instants[end])) for start, end, why in before if why == "running"]
            used = sum((hours.between(*one) for one in ran), NONE)
            due = hours.add(instant(instants[since]), agreement.target - used)
        is_late = due is not None and due <= now
        shown = now if is_late else due
        yield Beginning(candidate.id, candidate.reference, agreement.kind, agreement.metric, shown, is_late)


def _again(
    candidate: _Candidate,
    ended: list[StoredClock],
    past: Past,
    hours_of: Callable[[UUID], Hours],
) -> Iterator[Beginning]:
    clocks = TicketClocks(ended, hours_of, lambda _: ())
    clocks.apply(past.now, candidate.old, past.facts)
    for one in clocks.ongoing():
        is_late = one.state is ClockState.RUNNING and one.used >= one.target and one.breached_at is None
        yield Beginning(candidate.id, candidate.reference, one.kind, one.metric, one.due_at, is_late)
