"""Clocks derived again from the one event log: what explanations are made of, and what stored clocks are proven by.

The log tells what happened to the ticket and which promise was applied when; every pause, every second and every breach
follows from that by the same rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from helpdesk_api.database.ids import parse_id
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.sla.clock_state import BREACH, Agreement, Fact, Plan
from helpdesk_api.domains.sla.enums import Metric, PolicyKind, Reason
from helpdesk_api.domains.sla.facts import read_facts
from helpdesk_api.domains.sla.policy_queries import Promises

_APPLIED = frozenset({"sla.started", "sla.recomputed"})
_BREACHED = "sla.breached"
_STEPS = frozenset({"sla.warned", "sla.escalated", _BREACHED})
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
            _apply(found, fact, told_with.get(row.id, ()), promises)
            found.facts.append(fact)
        elif row.type.startswith("sla.") and row.cause_event_id not in facts and found.facts:
            _apply_alone(found, row, promises)
    return found


def _apply_alone(found: Replay, row: Any, promises: Promises) -> None:
    """What happened to a clock by itself: a deadline by hand, or a policy or calendar that came into force."""
    clocks, data = found.clocks, row.data
    if row.type in _STEPS:
        _tell_step(clocks, row)
    elif row.type == "sla.recomputed" and data["reason"] in _BY_HAND:
        for clock in clocks.ongoing():
            if (clock.kind, clock.metric) == _key(row):
                clocks.settle(clock, row.occurred_at)
                clock.manual_due_at, clock.due_at = instant(data["manual_due_at"]), None
                clocks.schedule(clock)
    elif row.type in _APPLIED or (row.type == "sla.cancelled" and data["reason"] == Reason.NO_POLICY.value):
        now = found.facts[-1].after
        _apply(found, Fact(row.occurred_at, now, now), [row], promises)


def _tell_step(clocks: TicketClocks, row: Any) -> None:
    """A timer told it before what the log says next, and so it stays told: whatever is promised later, and from when.

    Only if the rules say the same: one that they do not have due by then stays a difference.
    """
    wanted = BREACH if row.type == _BREACHED else row.data["step"]
    for clock in clocks.ongoing():
        if (clock.kind, clock.metric) == _key(row):
            due = dict(clocks.steps_due(clock, row.occurred_at))
            if wanted in due:
                clocks.fire(clock, wanted, due[wanted])
                clocks.schedule(clock)


def _apply(found: Replay, fact: Fact, told: Sequence[Any], promises: Promises) -> None:
    for row in told:
        if row.type in _STEPS:
            _tell_step(found.clocks, row)
    plan = _plan(found.clocks, told, promises)
    # What a clock that the fact ends ran under may be promised no more: only what was told begins.
    begins = {key: plan[key] for row in told if row.type in _APPLIED and (key := _key(row)) in plan}
    found.clocks.apply(fact, plan, found.facts, begins=begins)


def _key(row: Any) -> tuple[PolicyKind, Metric]:
    return PolicyKind(row.data["kind"]), Metric(row.data["metric"])


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
        key = _key(row)
        if row.type in _APPLIED:
            agreed = promises.policies.agreement(
                *key,
                parse_id("slp", data["policy_id"]),
                data["policy_version"],
                parse_id("cal", data["calendar_id"]),
                timedelta(seconds=data["target_seconds"]),
            )
            plan[key] = replace(agreed, keeps_places="steps_told" not in data)
        elif row.type == "sla.cancelled" and data["reason"] == Reason.NO_POLICY.value:
            plan.pop(key, None)
    return plan


def instant(shown: str | None) -> datetime | None:
    return datetime.fromisoformat(shown) if shown is not None else None
