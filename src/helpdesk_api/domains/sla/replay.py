"""Clocks derived again from the one event log: what explanations are made of, and what stored clocks are proven by.

The log tells what happened to the ticket and which promise was applied when; every pause, every second and every breach
follows from that by the same rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from helpdesk_api.database.ids import parse_id
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.sla.clock_state import Agreement, Fact, Plan
from helpdesk_api.domains.sla.enums import Metric, PolicyKind, Reason
from helpdesk_api.domains.sla.facts import read_facts
from helpdesk_api.domains.sla.policy_queries import Promises

_APPLIED = frozenset({"sla.started", "sla.recomputed"})
_BY_HAND = frozenset({Reason.MANUAL_DEADLINE.value, Reason.MANUAL_DEADLINE_REMOVED.value})


@dataclass
class Replay:
    """One ticket's clocks as its events make them; `facts` are those events that move clocks."""

    clocks: TicketClocks
    facts: list[Fact] = field(default_factory=list)


def replay(rows: Sequence[Any], promises: Promises, *, keeps_spans: bool = False) -> Replay:
    """`rows` are all events of one ticket in order. Nothing is read, nothing is written."""
    clocks = TicketClocks([], promises.hours.__getitem__, promises.steps_of, keeps_spans=keeps_spans)
    found = Replay(clocks)
    facts = {told.event_id: told.fact for told in read_facts(rows)}
    told_with: dict[UUID, list[Any]] = {}
    for row in rows:
        if row.type.startswith("sla.") and row.cause_event_id in facts:
            told_with.setdefault(row.cause_event_id, []).append(row)
    for row in rows:
        if row.id in facts:
            fact = facts[row.id]
            clocks.apply(fact, _plan(clocks, told_with.get(row.id, ()), promises), found.facts)
            found.facts.append(fact)
        elif row.type.startswith("sla.") and row.cause_event_id not in facts and found.facts:
            _apply_alone(found, row, promises)
    return found


def _apply_alone(found: Replay, row: Any, promises: Promises) -> None:
    """What happened to a clock by itself: a deadline by hand, or a policy or calendar that came into force."""
    clocks, data = found.clocks, row.data
    key = (PolicyKind(data["kind"]), Metric(data["metric"]))
    if row.type == "sla.recomputed" and data["reason"] in _BY_HAND:
        for clock in clocks.ongoing():
            if (clock.kind, clock.metric) == key:
                clocks.settle(clock, row.occurred_at)
                clock.manual_due_at = instant(data["manual_due_at"])
                clocks.schedule(clock)
    elif row.type in _APPLIED or (row.type == "sla.cancelled" and data["reason"] == Reason.NO_POLICY.value):
        now = found.facts[-1].after
        clocks.apply(Fact(row.occurred_at, now, now), _plan(clocks, [row], promises), found.facts)


def _plan(clocks: TicketClocks, told: Sequence[Any], promises: Promises) -> Plan:
    """What held after a fact: what ongoing clocks run under, and what the events beside the fact applied."""
    plan: dict[tuple[PolicyKind, Metric], Agreement] = {
        (clock.kind, clock.metric): promises.policies.agreement(
            clock.kind, clock.metric, clock.policy_id, clock.policy_number, clock.calendar_id, clock.target
        )
        for clock in clocks.ongoing()
    }
    for row in told:
        data: Mapping[str, Any] = row.data
        key = (PolicyKind(data["kind"]), Metric(data["metric"]))
        if row.type in _APPLIED:
            plan[key] = promises.policies.agreement(
                *key,
                parse_id("slp", data["policy_id"]),
                data["policy_version"],
                parse_id("cal", data["calendar_id"]),
                timedelta(seconds=data["target_seconds"]),
            )
        elif row.type == "sla.cancelled" and data["reason"] == Reason.NO_POLICY.value:
            plan.pop(key, None)
    return plan


def instant(shown: str | None) -> datetime | None:
    return datetime.fromisoformat(shown) if shown is not None else None
