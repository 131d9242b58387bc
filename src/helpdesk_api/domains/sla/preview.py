"""Before publishing: which open tickets' deadlines would move, by how much, and which would be late at once.

A clock is read with the few facts of its ticket that decide, and what is alike is judged once: a hundred thousand take
seconds.
"""

import asyncio
import heapq
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, select

from helpdesk_api.database import clock
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories.enums import Priority, TicketType
from helpdesk_api.domains.sla.calendar_queries import timelines
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.clock_state import NONE, Agreement, Plan
from helpdesk_api.domains.sla.enums import ClockState, Metric, PolicyKind, VersionState
from helpdesk_api.domains.sla.errors import NoDraft, SlaPolicyNotFound
from helpdesk_api.domains.sla.policy_models import SlaPolicy, SlaPolicyVersion
from helpdesk_api.domains.sla.policy_queries import compiled, promises
from helpdesk_api.domains.sla.policy_rules import Policies, Policy, PublishedVersion
from helpdesk_api.domains.sla.rules import Timeline
from helpdesk_api.domains.tickets.condition_fields import TICKET
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES

# As many as one screen and one decision need; the totals count all.
LISTED = 1_000
# Of each clock; then, of it and of its ticket, all by which is decided what becomes of it.
_CLOCK = (
    SlaClock.id,
    SlaClock.ticket_id,
    Ticket.reference,
    SlaClock.used,
    SlaClock.counted_at,
    SlaClock.due_at,
    SlaClock.manual_due_at,
    SlaClock.breached_at,
)
_HELD = (
    SlaClock.kind,
    SlaClock.metric,
    SlaClock.state,
    SlaClock.policy_id,
    SlaClock.policy_number,
    SlaClock.calendar_id,
    SlaClock.target,
)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the draft means for clocks that are alike; without an agreement they are cancelled."""

    kind: str
    metric: str
    is_paused: bool
    stays: bool
    target: timedelta
    counted_by: Timeline
    counts_by: Timeline
    agreement: Agreement | None


# How far it moves (the farthest first), the ticket's reference, its place, and what is shown.
_Move = tuple[float, str, int, Any, _Outcome, datetime | None, float, bool]


async def preview(
    reads: ReadSession, database: Database, policy_id: UUID, *, effective_from: datetime | None
) -> dict[str, Any]:
    """As if the draft came into force at that instant, or now. Raises `sla_policy_not_found` and `no_draft`."""
    at = max(effective_from or clock.now(), clock.now())
    held = (await promises(database)).policies
    proposed = await _proposed(reads, held, policy_id, at)
    hours = await timelines(database)
    names = sorted(proposed.facts & TICKET.fields.keys())
    groups = await reads.fetch(_groups_read(tuple(names)))
    rows = await reads.fetch(_clocks_read(tuple(names)))
    # Seconds for a hundred thousand of them, which nobody else shall wait for.
    return await asyncio.to_thread(_compared, _Planned(proposed, names, hours, at), groups, rows, at)


def _compared(planned: "_Planned", groups: Sequence[Any], rows: Sequence[Any], at: datetime) -> dict[str, Any]:
    moves: list[_Move] = []
    kept = late = 0
    for place, row in enumerate(rows):
        outcome = planned.outcome(row[len(_CLOCK) :])
        kept += outcome.agreement is not None
        move = _move(place, row, outcome, at)
        if move is not None:
            moves.append(move)
            late += move[-1]
    listed = heapq.nsmallest(LISTED, moves)
    return {
        "effective_from": at,
        "open_tickets": sum(group["tickets"] for group in groups),
        "moved": len(moves),
        "would_breach": late,
        # Of a kind and metric a ticket has one clock that runs or rests.
        "not_yet_promised": sum(group["tickets"] * len(planned.plan(group[1:])) for group in groups) - kept,
        "data": [_shown(move) for move in listed],
        "has_more": len(moves) > LISTED,
    }


class _Planned:
    """What is promised to tickets, and so to their clocks. Those that are alike in all that is read are judged once."""

    def __init__(self, policies: Policies, names: Sequence[str], hours: Mapping[UUID, Timeline], at: datetime) -> None:
        self._policies = policies
        self._names = names
        self._hours = hours
        self._at = at
        self._plans: dict[Hashable, Plan] = {}
        self._outcomes: dict[Hashable, _Outcome] = {}

    def plan(self, facts: tuple[Any, ...]) -> Plan:
        """`facts` are a ticket's values of the names."""
        key = _hashable(facts)
        if key not in self._plans:
            ticket = SimpleNamespace(**dict(zip(self._names, facts, strict=True)))
            ticket.priority, ticket.type = Priority(ticket.priority), TicketType(ticket.type)
            self._plans[key] = self._policies.plan(ticket, self._at)
        return self._plans[key]

    def outcome(self, held: tuple[Any, ...]) -> _Outcome:
        """`held` are a clock's values of `_HELD`, and its ticket's facts."""
        key = _hashable(held)
        found = self._outcomes.get(key)
        if found is None:
            found = self._outcomes[key] = self._judged(held)
        return found

    def _judged(self, held: tuple[Any, ...]) -> _Outcome:
        kind, metric, state, policy_id, number, calendar_id, target, *facts = held
        agreement = self.plan(tuple(facts)).get((PolicyKind(kind), Metric(metric)))
        promised = agreement and (agreement.policy_id, agreement.policy_number, agreement.calendar_id, agreement.target)
        return _Outcome(
            kind=kind,
            metric=metric,
            is_paused=state == ClockState.PAUSED.value,
            stays=promised == (policy_id, number, calendar_id, target),
            target=target,
            counted_by=self._hours[calendar_id],
            counts_by=self._hours[agreement.calendar_id if agreement is not None else calendar_id],
            agreement=agreement,
        )


def _hashable(values: tuple[Any, ...]) -> Hashable:
    try:
        hash(values)
    except TypeError:
        return tuple(value if isinstance(value, Hashable) else repr(value) for value in values)
    return values


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
def _groups_read(names: tuple[str, ...]) -> CompiledStatement:
    """How many open tickets there are of each kind that policies tell apart."""
    facts = [getattr(Ticket, name) for name in names]
    return CompiledStatement(select(func.count().label("tickets"), *facts).where(_is_open()).group_by(*facts))


@lru_cache(maxsize=100)
def _clocks_read(names: tuple[str, ...]) -> CompiledStatement:
    facts = [getattr(Ticket, name) for name in names]
    of_ticket = select(*_CLOCK, *_HELD, *facts).join(Ticket, Ticket.id == SlaClock.ticket_id)
    return CompiledStatement(of_ticket.where(SlaClock.ended_at.is_(None), _is_open()))


def _move(place: int, row: Any, outcome: _Outcome, at: datetime) -> _Move | None:
    """None when nothing would change for this clock."""
    agreement = outcome.agreement
    if agreement is None:
        return float("-inf"), row[2], place, row, outcome, None, float("-inf"), False
    _, _, reference, used, counted_at, due_at, manual_due_at, breached_at = row[: len(_CLOCK)]
    if outcome.stays or manual_due_at is not None:
        return None
    due: datetime | None = None
    if outcome.is_paused:
        is_late = breached_at is None and used > agreement.target
        shift = (agreement.target - outcome.target).total_seconds()
        if not shift and not is_late:
            return None
    else:
        left = agreement.target - used - outcome.counted_by.between(counted_at, at)
        due = outcome.counts_by.add(at, left)
        if due == due_at:
            return None
        is_late = breached_at is None and left <= NONE
        shift = (due - due_at).total_seconds() if due is not None and due_at is not None else 0.0
    return -abs(shift), reference, place, row, outcome, due, shift, is_late


def _shown(move: _Move) -> dict[str, Any]:
    _, reference, _, row, outcome, due, shift, is_late = move
    return {
        "ticket_id": row["ticket_id"],
        "reference": reference,
        "sla_id": row["id"],
        "kind": outcome.kind,
        "metric": outcome.metric,
        "due_at": row["due_at"],
        "new_due_at": due,
        "shift_seconds": shift if outcome.agreement is not None else None,
        "would_breach": is_late,
        "is_cancelled": outcome.agreement is None,
    }
