"""Before publishing: which open tickets' deadlines would move, by how much, and which would be late at once.

Tickets are read as the few columns that decide, and clocks as what they have used: a hundred thousand take seconds.
"""

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import literal_column, select

from helpdesk_api.database import clock
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories.enums import Priority, TicketType
from helpdesk_api.domains.sla.calendar_queries import timelines
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.clock_state import Agreement, Plan
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
_IDENTITY = frozenset({"id", "reference"})
_NEEDED = ("id", "reference", "priority", "type", "team_id", "status", "pending_reason")
_CLOCK = (
    SlaClock.id,
    SlaClock.ticket_id,
    SlaClock.kind,
    SlaClock.metric,
    SlaClock.state,
    SlaClock.policy_id,
    SlaClock.policy_number,
    SlaClock.calendar_id,
    SlaClock.target,
    SlaClock.used,
    SlaClock.counted_at,
    SlaClock.due_at,
    SlaClock.manual_due_at,
    SlaClock.breached_at,
)


@dataclass(slots=True)
class _Move:
    ticket: Any
    clock: Any
    due_at: datetime | None
    shift: float
    is_late: bool


async def preview(
    reads: ReadSession, database: Database, policy_id: UUID, *, effective_from: datetime | None
) -> dict[str, Any]:
    """As if the draft came into force at that instant, or now. Raises `sla_policy_not_found` and `no_draft`."""
    at = max(effective_from or clock.now(), clock.now())
    held = (await promises(database)).policies
    proposed = await _proposed(reads, held, policy_id, at)
    hours = await timelines(database)
    tickets = await _open_tickets(reads, proposed.fields)
    rows = await reads.fetch(_clocks_read())
    # Seconds for a hundred thousand of them, which nobody else shall wait for.
    return await asyncio.to_thread(_compared, proposed, tickets, rows, hours, at)


def _compared(
    proposed: Policies,
    tickets: Mapping[UUID, Any],
    clocks: Sequence[Any],
    hours: Mapping[UUID, Timeline],
    at: datetime,
) -> dict[str, Any]:
    moves: list[_Move] = []
    started = late = moved = 0
    planned = _Planned(proposed, at)
    running: dict[UUID, set[tuple[PolicyKind, Metric]]] = {}
    for row in clocks:
        ticket = tickets.get(row["ticket_id"])
        if ticket is None:
            continue
        plan = planned.of(ticket)
        key = (_KINDS[row["kind"]], _METRICS[row["metric"]])
        running.setdefault(ticket.id, set()).add(key)
        move = _move(ticket, row, plan.get(key), hours, at)
        if move is not None:
            moved += 1
            late += move.is_late
            moves.append(move)
    for ticket_id, ticket in tickets.items():
        started += sum(key not in running.get(ticket_id, ()) for key in planned.of(ticket))
    moves.sort(key=lambda move: (-abs(move.shift), move.ticket.reference))
    return {
        "effective_from": at,
        "open_tickets": len(tickets),
        "moved": moved,
        "would_breach": late,
        "not_yet_promised": started,
        "data": [_shown(move) for move in moves[:LISTED]],
        "has_more": len(moves) > LISTED,
    }


class _Planned:
    """What is promised to a ticket. Those that are alike in all that policies read are promised the same."""

    def __init__(self, policies: Policies, at: datetime) -> None:
        self._policies = policies
        self._at = at
        self._known: dict[Hashable, Plan] = {}

    def of(self, ticket: Any) -> Plan:
        facts = ticket.facts
        if facts not in self._known:
            self._known[facts] = self._policies.plan(ticket, self._at)
        return self._known[facts]


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


async def _open_tickets(reads: ReadSession, fields: frozenset[str]) -> dict[UUID, SimpleNamespace]:
    """With what identifies them, what targets are chosen by, and what the policies' conditions read."""
    names = [*_NEEDED, *sorted((fields & TICKET.fields.keys()) - {*_NEEDED})]
    statuses: list[Any] = [literal_column(f"'{status}'") for status in sorted(ACTIVE_STATUSES)]
    statement = select(*[getattr(Ticket, name) for name in names]).where(Ticket.status.in_(statuses))
    read = [name for name in names if name not in _IDENTITY]
    found = {}
    for row in await reads.fetch(CompiledStatement(statement)):
        ticket = SimpleNamespace(**row)
        ticket.priority, ticket.type = _PRIORITIES[ticket.priority], _TYPES[ticket.type]
        ticket.facts = tuple([_hashable(row[name]) for name in read])
        found[ticket.id] = ticket
    return found


def _hashable(value: Any) -> Hashable:
    return value if isinstance(value, Hashable) else repr(value)


@cache
def _clocks_read() -> CompiledStatement:
    return CompiledStatement(select(*_CLOCK).where(SlaClock.ended_at.is_(None)))


def _move(
    ticket: Any, row: Any, agreement: Agreement | None, hours: Mapping[UUID, Timeline], at: datetime
) -> _Move | None:
    """None when nothing would change for this clock."""
    if agreement is None:
        return _Move(ticket, row, None, float("-inf"), is_late=False)
    same = (agreement.policy_id, agreement.policy_number, agreement.target, agreement.calendar_id) == (
        row["policy_id"],
        row["policy_number"],
        row["target"],
        row["calendar_id"],
    )
    if same or row["manual_due_at"] is not None:
        return None
    used = row["used"]
    if row["state"] == ClockState.PAUSED.value:
        is_late = row["breached_at"] is None and used > agreement.target
        shift = (agreement.target - row["target"]).total_seconds()
        return _Move(ticket, row, None, shift, is_late=is_late) if shift or is_late else None
    used += hours[row["calendar_id"]].between(row["counted_at"], at)
    left = agreement.target - used
    due = hours[agreement.calendar_id].add(at, left) if left.total_seconds() > 0 else at
    if due == row["due_at"]:
        return None
    is_late = row["breached_at"] is None and left.total_seconds() <= 0
    shift = (due - row["due_at"]).total_seconds() if due is not None and row["due_at"] is not None else 0.0
    return _Move(ticket, row, due, shift, is_late=is_late)


def _shown(move: _Move) -> dict[str, Any]:
    return {
        "ticket_id": move.ticket.id,
        "reference": move.ticket.reference,
        "sla_id": move.clock["id"],
        "kind": move.clock["kind"],
        "metric": move.clock["metric"],
        "due_at": move.clock["due_at"],
        "new_due_at": move.due_at,
        "shift_seconds": move.shift if move.shift != float("-inf") else None,
        "would_breach": move.is_late,
        "is_cancelled": move.shift == float("-inf"),
    }


_KINDS = {kind.value: kind for kind in PolicyKind}
_METRICS = {metric.value: metric for metric in Metric}
_PRIORITIES = {priority.value: priority for priority in Priority}
_TYPES = {kind.value: kind for kind in TicketType}
