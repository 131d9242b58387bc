"""What a ticket's past says of its clocks: how one ended, and when a promise that comes late would have begun."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from helpdesk_api.domains.sla.clock_state import ONGOING, RESPONSES, Agreement, Fact, Situation
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


def may_come_back(clock: Any) -> bool:
    """Whether a promise may have ended it, as far as the clock alone says: one that was met is done, and of one that
    was late the past decides."""
    return clock.state in {ClockState.CANCELLED, ClockState.BREACHED}


def may_go_on(agreement: Agreement, last: Any, ticket: Any, *, is_withdrawn: bool) -> bool:
    """Whether a promise whose last clock has ended may have something to run for again, as far as the rows say: only
    then the past is read, which most tickets that were answered need not."""
    if last.state in ONGOING:
        return False
    metric = agreement.metric
    if agreement.kind is PolicyKind.UNDERPINNING_CONTRACT:
        return is_withdrawn
    if metric is Metric.ASSIGNMENT:
        return ticket.assignee_id is None
    if metric is Metric.FIRST_RESPONSE:
        # Each team gives its own first answer, and another one when the ticket comes back to it.
        return is_withdrawn or agreement.kind is PolicyKind.OLA
    if metric is Metric.NEXT_RESPONSE:
        said_at = ticket.last_public_comment_at
        return is_withdrawn or (said_at is not None and said_at >= last.ended_at)
    return True


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


def takes_over(past: Sequence[Fact], now: Fact) -> bool:
    """Whether the ticket comes to its team now: also by being reopened, if it was given to them while it rested."""
    if now.before is None or not now.after.is_active:
        return False
    worked_on = now.before
    if not worked_on.is_active:
        worked_on = next((fact.after for fact in reversed(past) if fact.after.is_active), worked_on)
    return worked_on.team_id != now.after.team_id


def late_start(agreement: Agreement, past: Sequence[Fact], now: Fact) -> datetime | None:
    """When the present cycle of a metric began, or would have if it had been promised by then; None when it has
    nothing to run for."""
    if not now.after.is_active:
        return None
    facts = [*past, now]
    if agreement.kind is PolicyKind.UNDERPINNING_CONTRACT:
        return _given_to_vendor(agreement.metric, facts)
    if agreement.kind is PolicyKind.OLA:
        facts = facts[_taken_over(facts) :]
    return _CYCLES[agreement.metric](facts)


def _given_to_vendor(metric: Metric, facts: Sequence[Fact]) -> datetime | None:
    """Whatever the metric: once it has what it waits for, only the next time that the ticket is given away begins
    another cycle."""
    begun: datetime | None = None
    for fact in facts:
        after, before = fact.after, fact.before
        if after.with_vendor and (before is None or not before.with_vendor):
            begun = fact.at
        is_answered = fact.staff_replied and metric in (*RESPONSES, Metric.UPDATE)
        if not after.with_vendor or is_answered or (metric is Metric.ASSIGNMENT and after.is_assigned):
            begun = None
    return begun


def _taken_over(facts: Sequence[Fact]) -> int:
    """The place of the fact with which the ticket came to the team that has it."""
    place, team = 0, facts[0].after.team_id
    for number, fact in enumerate(facts):
        if fact.after.team_id != team and fact.after.is_active:
            place, team = number, fact.after.team_id
    return place


# Of the facts since the ticket was opened, or since its team took it over: when the present cycle began.


def _first_response(facts: Sequence[Fact]) -> datetime | None:
    """A resolution was an answer, too, and the first one never restarts."""
    was_given = any(fact.staff_replied or not fact.after.is_active for fact in facts)
    return None if was_given else facts[0].at


def _next_response(facts: Sequence[Fact]) -> datetime | None:
    """The oldest question since the last answer. A resolution answers what was asked before it, and not the word that
    reopens the ticket."""
    was_answered, asked = False, None
    for fact in facts:
        comes_to_rest = not fact.after.is_active and (fact.before is None or fact.before.is_active)
        if fact.staff_replied or comes_to_rest:
            was_answered, asked = True, None
        elif fact.requester_replied and was_answered and asked is None:
            asked = fact.at
    return asked


def _update(facts: Sequence[Fact]) -> datetime | None:
    begun = facts[0].at
    for fact in facts:
        if fact.staff_replied or is_reopened(fact):
            begun = fact.at
    return begun


def _resolution(facts: Sequence[Fact]) -> datetime | None:
    """Inside the reopen window it is the same cycle that goes on."""
    begun = facts[0].at
    for fact in facts:
        if not fact.inside_reopen_window and is_reopened(fact):
            begun = fact.at
    return begun


def _assignment(facts: Sequence[Fact]) -> datetime | None:
    """What is reopened without an assignee waits for none, as it was resolved without one."""
    if facts[-1].after.is_assigned:
        return None
    begun: datetime | None = facts[0].at
    for fact in facts[1:]:
        before = fact.before or fact.after
        if before.is_assigned and not fact.after.is_assigned and fact.after.is_active:
            begun = fact.at
        elif is_reopened(fact):
            begun = None
    return begun


_CYCLES: dict[Metric, Callable[[Sequence[Fact]], datetime | None]] = {
    Metric.FIRST_RESPONSE: _first_response,
    Metric.NEXT_RESPONSE: _next_response,
    Metric.UPDATE: _update,
    Metric.RESOLUTION: _resolution,
    Metric.ASSIGNMENT: _assignment,
}


def is_of_cycle(clock: Any, begun: datetime) -> bool:
    """Whether an ended clock belongs to the cycle that began then, and goes on with it. A resolution does whatever
    ended it; all others are done once they were met."""
    return clock.started_at >= begun and (clock.metric is Metric.RESOLUTION or may_come_back(clock))


def stretches(
    agreement: Agreement, past: Sequence[Fact], begun: datetime, now: Fact
) -> Iterator[tuple[datetime, datetime, str]]:
    """The time from its beginning until now, and what the clock does in it: only what is `running` counts."""
    moves = [*((one.at, one.after) for one in past if one.at >= begun), (now.at, now.after)]
    held: tuple[datetime, datetime, str] | None = None
    for (start, situation), (end, _) in pairwise([(begun, situation_at(past, begun)), *moves]):
        why = "running"
        if not situation.is_active:
            why = "resolved"
        elif agreement.is_paused(situation.status, situation.pending_reason):
            why = "paused"
        if held is not None and held[2] == why and held[0] <= start <= end:
            held = (held[0], end, why)
            continue
        if held is not None:
            yield held
        held = (start, end, why)
    if held is not None:
        yield held
