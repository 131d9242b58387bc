"""Before publishing: which open tickets' deadlines would move, by how much, and which would be late at once.

Clocks that are alike in all that decides, of them and of their tickets, are read together and judged once: a hundred
thousand take seconds.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Double, bindparam, cast, func, literal_column, select

from helpdesk_api.database import clock
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories.enums import Priority, TicketType
from helpdesk_api.domains.sla.beginnings import Beginning, Key, beginnings, likeness
from helpdesk_api.domains.sla.calendar_queries import timelines
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.sla.clock_state import NONE, Agreement, DerivedClock, Plan
from helpdesk_api.domains.sla.enums import ClockState, Metric, PolicyKind, VersionState
from helpdesk_api.domains.sla.errors import NoDraft, SlaPolicyNotFound
from helpdesk_api.domains.sla.policy_models import SlaPolicy, SlaPolicyVersion
from helpdesk_api.domains.sla.policy_queries import compiled, promises
from helpdesk_api.domains.sla.policy_rules import Policies, Policy, PublishedVersion
from helpdesk_api.domains.sla.rules import Timeline
from helpdesk_api.domains.tickets.condition_fields import TICKET
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import IDS, any_of
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES

# As many as one screen and one decision need; the totals count all.
LISTED = 1_000
# A tenth of a millisecond each, of one core here and in the database together.
_JUDGED = 200_000
# Of a clock, beside the facts of its ticket, all by which is decided what becomes of it.
_HELD = (
    SlaClock.kind,
    SlaClock.metric,
    SlaClock.state,
    SlaClock.policy_id,
    SlaClock.policy_number,
    SlaClock.calendar_id,
    SlaClock.target,
    # What pauses it is asked of these, whatever conditions read.
    Ticket.status,
    Ticket.pending_reason,
)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the draft means for clocks that are alike; without an agreement they are cancelled."""

    kind: str
    metric: str
    was_paused: bool
    is_paused: bool
    stays: bool
    target: timedelta
    counted_by: Timeline
    counts_by: Timeline
    agreement: Agreement | None


class _Clock(NamedTuple):
    """What is a clock's own. Instants and durations are in seconds, which are read several times faster."""

    id: UUID
    reference: str
    used: float
    counted_at: float
    due_at: float | None
    is_by_hand: bool
    breached_at: float | None
    imported_until: float | None


_OWN = len(_Clock._fields)


class _Move(NamedTuple):
    """The farthest come first, then by reference and id."""

    farness: float
    reference: str
    sla_id: UUID
    outcome: _Outcome
    due_at: float | None
    new_due_at: datetime | None
    shift: float | None
    is_late: bool


async def preview(
    reads: ReadSession,
    database: Database,
    policy_id: UUID,
    *,
    effective_from: datetime | None,
    judged: int = _JUDGED,
) -> dict[str, Any]:
    """As if the draft came into force at that instant, or now. Raises `sla_policy_not_found` and `no_draft`."""
    at = max(effective_from or clock.now(), clock.now())
    held = (await promises(database)).policies
    proposed = await _proposed(reads, held, policy_id, at)
    hours = await timelines(database)
    names = sorted(proposed.facts & TICKET.fields.keys())
    tickets = await reads.fetch(_tickets_read(tuple(names)))
    clocks = await reads.fetch(_clocks_read(tuple(names)))
    planned = _Planned(proposed, names, hours, at)
    promised, kept = planned.promised(tickets), planned.kept(clocks)
    lacking = {key for key in promised if promised[key] > kept[key]}
    # Seconds for a hundred thousand of them, which nobody else shall wait for; PostgreSQL looks up pasts meanwhile.
    compared, (begun, is_exact) = await asyncio.gather(
        asyncio.to_thread(_compared, planned, clocks, at),
        beginnings(reads, lacking, names, _is_open(), planned.plan, hours.__getitem__, at, judged),
    )
    moves, listed = compared
    rows = await reads.fetch(_TICKETS_OF, {"ids": [move.sla_id for move in listed]})
    ticket_ids = {row["id"]: row["ticket_id"] for row in rows}
    # One that was deleted meanwhile is nobody's any more.
    data = [_shown(move, ticket_ids[move.sla_id]) for move in listed if move.sla_id in ticket_ids]
    return {
        "effective_from": at,
        "open_tickets": sum(row["tickets"] for row in tickets),
        "moved": len(moves),
        "has_more": len(moves) > LISTED,
        "data": data,
        # Of a kind and metric a ticket has one clock that runs or rests; of one that came meanwhile only the clocks
        # were counted.
        "not_yet_promised": max(0, promised.total() - kept.total()),
        "would_begin": len(begun),
        "would_begin_is_exact": is_exact,
        "begins": list(map(_begins, heapq.nsmallest(LISTED, begun, key=_rank))),
        "would_breach": sum(move.is_late for move in moves) + sum(one.is_late for one in begun),
    }


def _compared(planned: "_Planned", clocks: Sequence[Any], at: datetime) -> tuple[list[_Move], list[_Move]]:
    """All moves, and those that are listed."""
    moves: list[_Move] = []
    for row in clocks:
        outcome = planned.outcome(row[:-_OWN])
        # A column for each of a clock's own values, with those of all of them.
        alike = map(_Clock._make, zip(*row[-_OWN:], strict=True))
        moves += [move for one in alike if (move := _move(one, outcome, at)) is not None]
    return moves, heapq.nsmallest(LISTED, moves)


class _Planned:
    """What is promised to tickets, and so to their clocks. Tickets that are alike in all that is read are judged
    once."""

    def __init__(self, policies: Policies, names: Sequence[str], hours: Mapping[UUID, Timeline], at: datetime) -> None:
        self._policies = policies
        self._names = names
        self._hours = hours
        self._at = at
        self._plans: dict[Hashable, Plan] = {}

    def plan(self, facts: tuple[Any, ...]) -> Plan:
        """`facts` are a ticket's values of the names."""
        key = likeness(facts)
        if key not in self._plans:
            ticket = SimpleNamespace(**dict(zip(self._names, facts, strict=True)))
            ticket.priority, ticket.type = Priority(ticket.priority), TicketType(ticket.type)
            self._plans[key] = self._policies.plan(ticket, self._at)
        return self._plans[key]

    def promised(self, tickets: Sequence[Any]) -> Counter[Key]:
        """To how many of them, by what."""
        found: Counter[Key] = Counter()
        for row in tickets:
            found.update(dict.fromkeys(self.plan(row[1:]), row["tickets"]))
        return found

    def kept(self, clocks: Sequence[Any]) -> Counter[Key]:
        """How many clocks there are of that already."""
        found: Counter[Key] = Counter()
        for row in clocks:
            agreement = self.outcome(row[:-_OWN]).agreement
            if agreement is not None:
                found[agreement.kind, agreement.metric] += len(row[-1])
        return found

    def outcome(self, held: tuple[Any, ...]) -> _Outcome:
        """`held` are a clock's values of `_HELD`, and its ticket's facts."""
        kind, metric, state, policy_id, number, calendar_id, target, status, reason, *facts = held
        agreement = self.plan(tuple(facts)).get((PolicyKind(kind), Metric(metric)))
        promised = agreement and (agreement.policy_id, agreement.policy_number, agreement.calendar_id, agreement.target)
        pending_reason = PendingReason(reason) if reason is not None else None
        return _Outcome(
            kind=kind,
            metric=metric,
            was_paused=state == ClockState.PAUSED.value,
            is_paused=agreement is not None and agreement.is_paused(TicketStatus(status), pending_reason),
            stays=promised == (policy_id, number, calendar_id, target),
            target=target,
            counted_by=self._hours[calendar_id],
            counts_by=self._hours[agreement.calendar_id if agreement is not None else calendar_id],
            agreement=agreement,
        )


async def _proposed(reads: ReadSession, held: Policies, policy_id: UUID, at: datetime) -> Policies:
    columns = (SlaPolicy.kind, SlaPolicy.team_id, SlaPolicy.position, SlaPolicy.archived_at)
    head = await reads.fetch_one(select(*columns).where(SlaPolicy.id == policy_id))
    if head is None:
        raise SlaPolicyNotFound
    of_policy = (SlaPolicyVersion.policy_id == policy_id, SlaPolicyVersion.state == VersionState.DRAFT)
    draft = await reads.fetch_one(select(SlaPolicyVersion.number, SlaPolicyVersion.definition).where(*of_policy))
    if draft is None or head["archived_at"] is not None:
        raise NoDraft
    version = PublishedVersion(draft["number"], at, compiled(draft["definition"]))
    others = await reads.fetch(select(SlaPolicy.id).order_by(SlaPolicy.position, SlaPolicy.id))
    known = {policy.id: policy for policy in held.policies}
    mine = known.get(policy_id)
    versions = (*mine.versions, version) if mine is not None else (version,)
    proposed = Policy(policy_id, PolicyKind(head["kind"]), head["team_id"], None, versions)
    order = [row["id"] for row in others]
    return Policies([proposed if one == policy_id else known[one] for one in order if one == policy_id or one in known])


def _is_open() -> ColumnElement[bool]:
    statuses: list[Any] = [literal_column(f"'{status}'") for status in sorted(ACTIVE_STATUSES)]
    return Ticket.status.in_(statuses)


@lru_cache(maxsize=100)
def _tickets_read(names: tuple[str, ...]) -> CompiledStatement:
    """How many open tickets there are of each kind that policies tell apart."""
    facts = [getattr(Ticket, name) for name in names]
    return CompiledStatement(select(func.count().label("tickets"), *facts).where(_is_open()).group_by(*facts))


@lru_cache(maxsize=100)
def _clocks_read(names: tuple[str, ...]) -> CompiledStatement:
    """A row for each kind of clock that policies tell apart, with the values of `_Clock` as arrays."""
    held = [*_HELD, *(getattr(Ticket, name) for name in names)]
    own: list[Any] = [
        SlaClock.id,
        Ticket.reference,
        _seconds(SlaClock.used),
        _seconds(SlaClock.counted_at),
        _seconds(SlaClock.due_at),
        SlaClock.manual_due_at.is_not(None),
        _seconds(SlaClock.breached_at),
        _seconds(Ticket.imported_until),
    ]
    of_ticket = select(*held, *map(func.array_agg, own)).join(Ticket, Ticket.id == SlaClock.ticket_id)
    return CompiledStatement(of_ticket.where(SlaClock.ended_at.is_(None), _is_open()).group_by(*held))


def _seconds(value: Any) -> ColumnElement[float]:
    return cast(func.extract("epoch", value), Double)


_TICKETS_OF = CompiledStatement(
    select(SlaClock.id, SlaClock.ticket_id).where(any_of(SlaClock.id, bindparam("ids", type_=IDS)))
)


def _move(clock: _Clock, outcome: _Outcome, at: datetime) -> _Move | None:
    """None when nothing would change for this clock."""
    agreement = outcome.agreement
    if agreement is None:
        return _Move(float("-inf"), clock.reference, clock.id, outcome, clock.due_at, None, None, is_late=False)
    if outcome.stays or clock.is_by_hand:
        return None
    # What is still being imported follows where its past ends by now.
    if clock.imported_until is not None:
        at = datetime.fromtimestamp(max(clock.imported_until, clock.counted_at), UTC)
    # What is paused is late when it goes on, and not before.
    due, is_late = _due(clock, outcome, agreement, at) if not outcome.is_paused else (None, False)
    shift: float | None
    if outcome.was_paused and outcome.is_paused:
        shift = (agreement.target - outcome.target).total_seconds()
        if not shift:
            return None
    else:
        moved_to = due.timestamp() if due is not None else None
        if moved_to == clock.due_at:
            return None
        shift = moved_to - clock.due_at if moved_to is not None and clock.due_at is not None else None
    farness = -abs(shift) if shift is not None else float("-inf")
    return _Move(farness, clock.reference, clock.id, outcome, clock.due_at, due, shift, is_late)


def _due(clock: _Clock, outcome: _Outcome, agreement: Agreement, at: datetime) -> tuple[datetime | None, bool]:
    """When its target is used up; and whether it is by then, and was not before."""
    left = agreement.target - timedelta(seconds=clock.used)
    if outcome.was_paused:
        # It goes on then, and no pause counts.
        return (outcome.counts_by.add(at, left), False) if left > NONE else _used_up(clock, outcome, agreement, at)
    counted_at = datetime.fromtimestamp(clock.counted_at, UTC)
    if outcome.counts_by is outcome.counted_by:
        due = outcome.counts_by.add(counted_at, max(left, NONE))
        if due is None or due > at:
            return due, False
        return _used_up(clock, outcome, agreement, at)
    left -= outcome.counted_by.between(counted_at, at)
    return (outcome.counts_by.add(at, left), False) if left > NONE else _used_up(clock, outcome, agreement, at)


def _used_up(clock: _Clock, outcome: _Outcome, agreement: Agreement, at: datetime) -> tuple[datetime | None, bool]:
    """By the rule that publishing follows. A due time that will have passed is a breach by then, told or not."""
    breached = clock.breached_at
    if breached is None and clock.due_at is not None and clock.due_at < at.timestamp():
        breached = clock.due_at
    one = DerivedClock(
        kind=agreement.kind,
        metric=agreement.metric,
        cycle=1,
        policy_id=agreement.policy_id,
        policy_number=agreement.policy_number,
        calendar_id=agreement.calendar_id,
        target=agreement.target,
        used=agreement.target,
        started_at=at,
        counted_at=at,
        breached_at=datetime.fromtimestamp(breached, UTC) if breached is not None else None,
    )
    rules = TicketClocks([one], lambda _: outcome.counts_by, lambda _: ())
    return rules.due_of(one), breached is None


def _rank(one: Beginning) -> tuple[Any, ...]:
    return one.rank


def _begins(one: Beginning) -> dict[str, Any]:
    return {
        "ticket_id": one.ticket_id,
        "reference": one.reference,
        "kind": one.kind,
        "metric": one.metric,
        "due_at": one.due_at,
        "would_breach": one.is_late,
    }


def _shown(move: _Move, ticket_id: UUID) -> dict[str, Any]:
    return {
        "ticket_id": ticket_id,
        "reference": move.reference,
        "sla_id": move.sla_id,
        "kind": move.outcome.kind,
        "metric": move.outcome.metric,
        "due_at": datetime.fromtimestamp(move.due_at, UTC) if move.due_at is not None else None,
        "new_due_at": move.new_due_at,
        "shift_seconds": round(move.shift, 6) if move.shift is not None else None,
        "would_breach": move.is_late,
        "is_cancelled": move.outcome.agreement is None,
    }
