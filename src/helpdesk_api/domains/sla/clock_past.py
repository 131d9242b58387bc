"""What a ticket's past says of its clocks: how one ended, and when a promise that comes late would have begun."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from helpdesk_api.domains.sla.clock_state import RESPONSES, Agreement, Fact, Situation
from helpdesk_api.domains.sla.enums import ClockState, Metric, PolicyKind


def is_reopened(fact: Fact) -> bool:
    return fact.before is not None and not fact.before.is_active and fact.after.is_active


def ends(clock: Any, fact: Fact) -> bool:
    """Whether what happened to the ticket ends the clock, whatever is promised."""
    before, after = fact.before, fact.after
    if before is None:
        return False
    return (
        not after.is_active
        or (clock.metric is Metric.ASSIGNMENT and after.is_assigned)
        or (fact.staff_replied and clock.metric in (*RESPONSES, Metric.UPDATE))
        or (clock.kind is PolicyKind.OLA and before.team_id != after.team_id)
        or (clock.kind is PolicyKind.UNDERPINNING_CONTRACT and before.with_vendor and not after.with_vendor)
    )


def was_withdrawn(clock: Any, facts: Sequence[Fact]) -> bool:
    """Whether it ended because nothing promised it any more: nothing that the ticket did by then ended it."""
    return may_come_back(clock) and not any(fact.at == clock.ended_at and ends(clock, fact) for fact in facts)


def may_come_back(clock: Any) -> bool:
    """What the clock alone says of that: one that was met is done, and of one that was late the facts decide."""
    return clock.state in {ClockState.CANCELLED, ClockState.BREACHED}


def last_by_key(clocks: Iterable[Any]) -> dict[tuple[PolicyKind, Metric], Any]:
    """Of each kind and metric the clock of the last cycle."""
    return {(one.kind, one.metric): one for one in sorted(clocks, key=lambda one: one.cycle)}


def situation_at(facts: Sequence[Fact], at: datetime) -> Situation:
    """The ticket as it was at an instant, from its facts in order."""
    found = facts[0].after
    for fact in facts:
        if fact.at > at:
            break
        found = fact.after
    return found


def late_start(agreement: Agreement, past: Sequence[Fact], now: Fact) -> datetime | None:
    """When a metric that is promised only now would have begun; None when it has nothing to run for."""
    if not now.after.is_active:
        return None
    if agreement.kind is PolicyKind.UNDERPINNING_CONTRACT:
        given = _since(past, lambda before, after: after.with_vendor and not before.with_vendor)
        return given if now.after.with_vendor else None
    begun = past[0].at
    if agreement.kind is PolicyKind.OLA:
        begun = _since(past, lambda before, after: before.team_id != after.team_id)
    facts = [fact for fact in past if fact.at >= begun]
    replies = [fact.at for fact in facts if fact.staff_replied]
    if agreement.metric is Metric.FIRST_RESPONSE:
        return None if replies or now.staff_replied else begun
    if agreement.metric is Metric.UPDATE:
        return max([begun, *replies])
    if agreement.metric is Metric.ASSIGNMENT:
        lost = _since(past, lambda before, after: before.is_assigned and not after.is_assigned)
        return None if now.after.is_assigned else max(begun, lost)
    if agreement.metric is Metric.NEXT_RESPONSE:
        asked = [fact.at for fact in facts if fact.requester_replied and replies and fact.at > replies[-1]]
        return asked[0] if asked else None
    return begun


def stretches(
    agreement: Agreement, past: Sequence[Fact], begun: datetime, now: Fact
) -> Iterator[tuple[datetime, datetime, bool]]:
    """The time from its beginning until now, and what of it counts; cut where that changes."""
    moves = [*((one.at, one.after) for one in past if one.at >= begun), (now.at, now.after)]
    held: tuple[datetime, datetime, bool] | None = None
    for (start, situation), (end, _) in pairwise([(begun, situation_at(past, begun)), *moves]):
        counts = situation.is_active and not agreement.is_paused(situation.status, situation.pending_reason)
        if held is not None and held[2] is counts and held[0] <= start <= end:
            held = (held[0], end, counts)
            continue
        if held is not None:
            yield held
        held = (start, end, counts)
    if held is not None:
        yield held


def _since(past: Sequence[Fact], began: Callable[[Situation, Situation], bool]) -> datetime:
    """The last instant at which it began, or the ticket's opening."""
    return max([past[0].at, *(fact.at for fact in past if fact.before is not None and began(fact.before, fact.after))])
