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
    IMPORTED_UNTIL,
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


class _Candidates(NamedTuple):
    """Tickets that lack the same: `new` are promises of which they never had a clock, `old` those of which the last may
    not be the last. In the order of their ids, which is that of their age; `until` is where a past that is still being
    imported ends by now, in microseconds since 1970."""

    ids: Sequence[UUID]
    references: Sequence[str]
    until: Sequence[int | None]
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
    rows = await reads.fetch(_lacking_read(tuple(wanted), names, is_open, most + 1))
    candidates, is_exact = _candidates(rows, wanted, plan_of, most)
    found: list[Beginning] = []
    batches = _batches(candidates)
    some = next(batches, [])
    told = await _told(reads, some)
    while some:
        following = next(batches, [])
        # PostgreSQL looks up the next ones meanwhile.
        judging = asyncio.to_thread(_judged, some, *told, hours_of, at)
        judged, next_told = await asyncio.gather(judging, _told(reads, following), return_exceptions=True)
        if isinstance(judged, BaseException):
            raise judged
        if isinstance(next_told, BaseException):
            raise next_told
        found += judged
        some, told = following, next_told
    return found, is_exact


def _batches(candidates: Sequence[_Candidates]) -> Iterator[Sequence[_Candidates]]:
    batch: list[_Candidates] = []
    room = _AT_ONCE
    for one in candidates:
        first = 0
        while first < len(one.ids):
            taken = slice(first, first + room)
            batch.append(one._replace(ids=one.ids[taken], references=one.references[taken], until=one.until[taken]))
            first, room = first + room, room - len(batch[-1].ids)
            if not room:
                yield batch
                batch, room = [], _AT_ONCE
    if batch:
        yield batch


async def _told(reads: ReadSession, some: Sequence[_Candidates]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Their pasts, and the clocks that may come back."""
    ids = [id_ for one in some for id_ in one.ids]
    had = [id_ for one in some if one.old for id_ in one.ids]
    pasts = await reads.fetch(_PAST, {"ids": ids}) if ids else []
    return pasts, await reads.fetch(_ENDED, {"ids": had}) if had else []


def _lacking_read(wanted: Sequence[Key], names: Sequence[str], is_open: ColumnElement[bool], most: int) -> AnySelect:
    """A row for all that lack each of them in the same way and are alike in the facts of the names, with their ids and
    references: of so many tickets that may begin one, the oldest."""
    facts = [getattr(Ticket, name) for name in names]
    of_keys = tuple_(SlaClock.kind, SlaClock.metric).in_(wanted)
    lacking = [_lacks(*key).label(f"lacks_{place}") for place, key in enumerate(wanted)]
    each = (
        select(Ticket.id, Ticket.reference, IMPORTED_UNTIL.label("until"), *lacking, *facts)
        .outerjoin(SlaClock, and_(SlaClock.ticket_id == Ticket.id, of_keys))
        .where(is_open)
        .group_by(Ticket.id)
        .having(or_(*(and_(_lacks(*key) > 0, *_may_begin(*key)) for key in wanted)))
        .order_by(Ticket.id)
        .limit(most)
        .subquery("each")
    )
    id_, reference, until, *alike = each.c
    listed = [func.array_agg(aggregate_order_by(one, id_)) for one in (id_, reference, until)]
    return select(*alike, *listed).group_by(*alike)


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
    rows: Sequence[Any], wanted: Sequence[Key], plan_of: Callable[[tuple[Any, ...]], Plan], most: int
) -> tuple[list[_Candidates], bool]:
    """And whether these are all, which they are not when there is one more than `most`."""
    newest = max((row[-3][-1] for row in rows), default=None)
    is_exact = sum(len(row[-3]) for row in rows) <= most
    found = []
    for row in rows:
        *values, ids, references, until = row
        if not is_exact and ids[-1] == newest:
            ids, references, until = ids[:-1], references[:-1], until[:-1]
        new, old = _parts(tuple(values), wanted, plan_of)
        if new or old:
            found.append(_Candidates(ids, references, until, new, old))
    return found, is_exact


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
    some: Sequence[_Candidates],
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
    for alike in some:
        for id_, reference, imported_until in zip(alike.ids, alike.references, alike.until, strict=True):
            row = told.get(id_)
            if row is None:
                continue
            past = Past(row["instants"], row["words"], until if imported_until is None else imported_until)
            of_ticket = [*_anew(alike.new, past, courses, hours_of)]
            if alike.old and past.facts:
                of_ticket += _again(alike.old, had.get(id_, []), past, hours_of)
            found += [Beginning(id_, reference, *begins) for begins in of_ticket]
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


_Begins = tuple[PolicyKind, Metric, datetime | None, bool]


def _anew(plan: Plan, past: Past, courses: Courses, hours_of: Callable[[UUID], Hours]) -> Iterator[_Begins]:
    """As `TicketClocks` begins one late, without all that could have happened to it: most tickets need no more."""
    for agreement in plan.values():
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
        yield agreement.kind, agreement.metric, now if is_late else due, is_late


def _again(plan: Plan, ended: list[StoredClock], past: Past, hours_of: Callable[[UUID], Hours]) -> Iterator[_Begins]:
    clocks = TicketClocks(ended, hours_of, lambda _: ())
    clocks.apply(past.now, plan, past.facts)
    for one in clocks.ongoing():
        is_late = one.state is ClockState.RUNNING and one.used >= one.target and one.breached_at is None
        yield one.kind, one.metric, one.due_at, is_late
