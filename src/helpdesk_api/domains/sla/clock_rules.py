"""What moves a clock, and how: pure, so that what is stored can be derived again from the same facts.

A clock carries its time used up to an instant (`counted_at`); everything else follows from that, its target and its
calendar. Nothing here reads the present: every instant is the fact's own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from helpdesk_api.domains.sla.clock_past import (
    ends,
    is_of_cycle,
    is_reopened,
    last_by_key,
    late_start,
    situation_at,
    stretches,
    takes_over,
)
from helpdesk_api.domains.sla.clock_state import (
    BREACH,
    ONGOING,
    RESPONSES,
    Agreement,
    Change,
    DerivedClock,
    Fact,
    Hours,
    Plan,
    Span,
    Step,
    carried,
)
from helpdesk_api.domains.sla.enums import ClockChange, ClockState, Metric, PolicyKind, Reason
from helpdesk_api.domains.tickets.enums import TicketStatus


@dataclass
class TicketClocks:
    """All clocks of one ticket, ongoing and ended, moved fact by fact."""

    clocks: list[Any]
    hours_of: Callable[[UUID], Hours]
    steps_of: Callable[[Any], Sequence[Step]]
    new_clock: Callable[..., Any] = DerivedClock
    changes: list[Change] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    keeps_spans: bool = False

    def ongoing(self) -> Iterator[Any]:
        return (clock for clock in self.clocks if clock.state in ONGOING)

    def apply(self, fact: Fact, plan: Plan, past: Sequence[Fact] = (), *, begins: Plan | None = None) -> None:
        """Move every clock to the fact's instant, let it happen, and let the plan that holds from then on apply.

        `past` are the ticket's earlier facts: a metric that is promised later than its start counts from its start, and
        what is reopened goes on from there. They may be left out where neither can be.
        `begins` is the part of the plan under which clocks may begin, where that is not all of it.
        """
        for clock in list(self.ongoing()):
            self.settle(clock, fact.at)
        self._end_by(fact)
        self._follow(fact, plan, past)
        self._begin_by(fact, plan if begins is None else begins, past)
        for clock in list(self.ongoing()):
            self._pause_or_resume(clock, fact, plan)
        for clock in self.ongoing():
            self.schedule(clock)

    # What was used, and what that brought to light.

    def settle(self, clock: Any, at: datetime) -> None:
        """Count up to this instant; steps whose instant has passed unseen are told with their true instant."""
        if at <= clock.counted_at:
            return
        for step, instant in self.steps_due(clock, at):
            # What is done at the very instant is done in time, so only what lies before it was missed.
            if instant < at:
                self.fire(clock, step, instant)
        if clock.state is ClockState.RUNNING:
            hours = self.hours_of(clock.calendar_id)
            clock.used += hours.between(clock.counted_at, at)
            clock.used_calendar += at - clock.counted_at
            self._span(clock, clock, clock.counted_at, at, counted=True, why="running")
            clock.counted_at = at
        elif clock.state is ClockState.PAUSED:
            self._span(clock, clock, clock.counted_at, at, counted=False, why="paused")
            clock.counted_at = at

    def steps_due(self, clock: Any, at: datetime) -> list[tuple[str, datetime]]:
        """Steps not yet told whose instant is not after `at`, in the order of their instants."""
        found = [(step, instant) for step, instant in self._waiting(clock) if instant <= at]
        return sorted(found, key=lambda pair: (pair[1], pair[0] != BREACH))

    def _waiting(self, clock: Any) -> Iterator[tuple[str, datetime]]:
        """What is still to come and when; what a calendar without an open hour never reaches does not wait."""
        if clock.manual_due_at is not None:
            yield from self._waiting_by_hand(clock, clock.manual_due_at)
            return
        if clock.state is not ClockState.RUNNING:
            return
        hours = self.hours_of(clock.calendar_id)
        if clock.breached_at is None:
            breach = self._reached(clock, hours, clock.target)
            if breach is not None:
                yield BREACH, breach
        for step in self.steps_of(clock):
            if step.key not in clock.fired:
                reached = self._reached(clock, hours, step.amount(clock.target))
                if reached is not None:
                    yield step.key, reached

    def _waiting_by_hand(self, clock: Any, due: datetime) -> Iterator[tuple[str, datetime]]:
        """A deadline by hand is an instant that was agreed: pauses do not move it, nor the steps before and after it,
        which take the open hours from the clock's start to the deadline for the target. Nothing is told of the time
        before it was set."""
        if clock.breached_at is None:
            yield BREACH, max(due, clock.counted_at)
        hours = self.hours_of(clock.calendar_id)
        target = hours.between(clock.started_at, due)
        for step in self.steps_of(clock):
            if step.key not in clock.fired:
                amount = step.amount(target)
                reached = hours.add(clock.started_at, amount)
                if reached is not None:
                    # It may lie outside the open hours, and what follows it is then no earlier.
                    yield step.key, max(reached, clock.counted_at, due if amount >= target else clock.started_at)

    def _reached(self, clock: Any, hours: Hours, amount: timedelta) -> datetime | None:
        if amount <= clock.used:
            return clock.counted_at  # type: ignore[no-any-return]
        return hours.add(clock.counted_at, amount - clock.used)

    def fire(self, clock: Any, step: str, at: datetime) -> None:
        if step == BREACH:
            clock.breached_at = at
            if clock.manual_due_at is None:
                clock.due_at = at
            self._tell(ClockChange.BREACHED, clock, at)
            return
        clock.fired = [*clock.fired, step]
        kind = ClockChange.WARNED if step.startswith("warning") else ClockChange.ESCALATED
        self._tell(kind, clock, at, step=step)

    def schedule(self, clock: Any) -> None:
        """Write down when it is due, and when a timer has to look at it next."""
        clock.due_at = self.due_of(clock)
        clock.next_timer_at = self.next_timer(clock)

    def next_timer(self, clock: Any) -> datetime | None:
        """The first instant of `_waiting`: the least amount is reached first, so only that one is looked for."""
        if clock.manual_due_at is not None:
            return min((at for _, at in self._waiting(clock)), default=None)
        if clock.state is not ClockState.RUNNING:
            return None
        amounts = [step.amount(clock.target) for step in self.steps_of(clock) if step.key not in clock.fired]
        if clock.breached_at is None:
            amounts.append(clock.target)
        return self._reached(clock, self.hours_of(clock.calendar_id), min(amounts)) if amounts else None

    def due_of(self, clock: Any) -> datetime | None:
        """When it has to be done: as promised by hand, also while it is paused, or when its target is used up; then
        unknown while it is paused, and where its calendar never opens again."""
        if clock.manual_due_at is not None or clock.state not in ONGOING:
            return clock.manual_due_at or clock.due_at  # type: ignore[no-any-return]
        if clock.state is ClockState.PAUSED:
            return None
        if clock.target <= clock.used:
            # Once it has passed it stands, whoever looks and when.
            has_passed = clock.due_at is not None and clock.due_at <= clock.counted_at
            return clock.due_at if has_passed else clock.breached_at or clock.counted_at  # type: ignore[no-any-return]
        return self.hours_of(clock.calendar_id).add(clock.counted_at, clock.target - clock.used)

    # What ends a clock.

    def _end_by(self, fact: Fact) -> None:
        after = fact.after
        for clock in list(self.ongoing()):
            if not ends(clock, fact):
                continue
            if after.status is TicketStatus.CANCELLED:
                self.cancel(clock, fact.at, Reason.TICKET_CANCELLED)
            elif clock.metric is Metric.ASSIGNMENT and not after.is_assigned and not after.is_active:
                self.cancel(clock, fact.at, Reason.TICKET_RESOLVED)
            else:
                self.stop(clock, fact.at)

    def stop(self, clock: Any, at: datetime) -> None:
        # Its calendar may have moved that, and nobody wrote it down yet.
        clock.due_at = self.due_of(clock)
        clock.state = ClockState.BREACHED if clock.breached_at is not None else ClockState.MET
        clock.ended_at, clock.paused_at, clock.next_timer_at = at, None, None
        if clock.state is ClockState.MET:
            self._tell(ClockChange.MET, clock, at)

    def cancel(self, clock: Any, at: datetime, reason: Reason) -> None:
        clock.due_at = self.due_of(clock)
        clock.state = ClockState.BREACHED if clock.breached_at is not None else ClockState.CANCELLED
        clock.ended_at, clock.paused_at, clock.next_timer_at = at, None, None
        self._tell(ClockChange.CANCELLED, clock, at, reason)

    # What the plan asks for.

    def _follow(self, fact: Fact, plan: Plan, past: Sequence[Fact]) -> None:
        """Ongoing clocks take over what is now promised; what is promised no more is cancelled."""
        for clock in list(self.ongoing()):
            agreement = plan.get((clock.kind, clock.metric))
            if agreement is None:
                self.cancel(clock, fact.at, Reason.NO_POLICY)
            elif (agreement.policy_id, agreement.policy_number, agreement.target, agreement.calendar_id) != (
                clock.policy_id,
                clock.policy_number,
                clock.target,
                clock.calendar_id,
            ):
                self.retarget(clock, agreement, fact.at)
        if fact.before is not None and past:
            for agreement in plan.values():
                # Of questions the oldest counts, also where it was asked before answers were promised.
                begins_now = agreement.metric is not Metric.NEXT_RESPONSE and self._begins(agreement, fact, past)
                if not begins_now and not self._has_ongoing(agreement):
                    self._begin_late(agreement, fact, past)

    def retarget(
        self,
        clock: Any,
        agreement: Agreement,
        at: datetime,
        reason: Reason | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """The time used carries over; a breach that was recorded stays recorded."""
        before = {name: getattr(clock, name) for name in ("policy_id", "policy_number", "target", "due_at")}
        is_same = (agreement.policy_id, agreement.policy_number) == (clock.policy_id, clock.policy_number)
        reason = reason or (Reason.TICKET_CHANGED if is_same else Reason.POLICY_CHANGED)
        self._take_over(clock, agreement)
        self.recompute(clock, at, reason, {**before, **(more or {})})

    def _take_over(self, clock: Any, agreement: Agreement) -> None:
        """A step that was told stays told, wherever the new version has it; what it has besides is still to be told."""
        old = self.steps_of(clock)
        clock.policy_id, clock.policy_number = agreement.policy_id, agreement.policy_number
        clock.calendar_id, clock.target = agreement.calendar_id, agreement.target
        if clock.fired and not agreement.keeps_places:
            clock.fired = carried(clock.fired, old, self.steps_of(clock))

    def recompute(self, clock: Any, at: datetime, reason: Reason, before: Mapping[str, Any]) -> None:
        """After the target, the calendar or the deadline by hand changed: due anew, and told why."""
        clock.due_at = None
        self.schedule(clock)
        self._tell(ClockChange.RECOMPUTED, clock, at, reason, before=before)

    def _begin_late(self, agreement: Agreement, fact: Fact, past: Sequence[Fact]) -> None:
        """Its present cycle, from that cycle's beginning and without the pauses: the clock that it has goes on, be it
        that the promise was withdrawn or the ticket resolved; else one begins."""
        begun = late_start(agreement, past, fact)
        if begun is None:
            return
        last = self._last(agreement)
        if last is not None and is_of_cycle(last, begun):
            self._go_on(last, agreement, fact, past)
        elif agreement.kind is not PolicyKind.UNDERPINNING_CONTRACT:
            reason = Reason.RETROACTIVE if begun < fact.at else None
            if not situation_at(past, begun).is_active:
                reason = Reason.REOPENED
            clock = self.start(agreement, begun, reason, told_at=fact.at)
            self._count_past(clock, agreement, fact, past)

    def _go_on(self, clock: Any, agreement: Agreement, fact: Fact, past: Sequence[Fact]) -> None:
        """With its time used and that since, as it would have counted; what was told of it stays told."""
        before = clock.state
        clock.state, clock.ended_at = ClockState.RUNNING, None
        self._count_past(clock, agreement, fact, past)
        reason = Reason.REOPENED if is_reopened(fact) else None
        self.retarget(clock, agreement, fact.at, reason, {"state": before})

    def _count_past(self, clock: Any, agreement: Agreement, fact: Fact, past: Sequence[Fact]) -> None:
        for start, end, why in stretches(agreement, past, clock.counted_at, fact):
            counts = why == "running"
            if counts:
                clock.used += self.hours_of(agreement.calendar_id).between(start, end)
                clock.used_calendar += end - start
            self._span(agreement, clock, start, end, counted=counts, why=why)
        clock.counted_at = fact.at

    # What begins one.

    def _begin_by(self, fact: Fact, plan: Plan, past: Sequence[Fact]) -> None:
        for agreement in plan.values():
            if self._begins(agreement, fact, past) and not self._has_ongoing(agreement):
                self.start(agreement, fact.at)

    def _begins(self, agreement: Agreement, fact: Fact, past: Sequence[Fact]) -> bool:
        before, after, metric = fact.before, fact.after, agreement.metric
        if not after.is_active:
            return False
        if agreement.kind is PolicyKind.OLA and after.team_id is None:
            return False
        if metric is Metric.ASSIGNMENT and after.is_assigned:
            return False
        if agreement.kind is PolicyKind.UNDERPINNING_CONTRACT:
            return after.with_vendor and (before is None or not before.with_vendor)
        is_new = before is None or (agreement.kind is PolicyKind.OLA and takes_over(past, fact))
        if metric is Metric.NEXT_RESPONSE:
            return fact.requester_replied and not self._awaits_response(agreement.kind)
        if metric is Metric.ASSIGNMENT:
            return is_new or (before is not None and before.is_assigned)
        if metric is Metric.UPDATE:
            return is_new or fact.staff_replied or is_reopened(fact)
        return is_new

    def _awaits_response(self, kind: PolicyKind) -> bool:
        return any(clock.kind is kind and clock.metric in RESPONSES for clock in self.ongoing())

    def _has_ongoing(self, agreement: Agreement) -> bool:
        return any(clock.kind is agreement.kind and clock.metric is agreement.metric for clock in self.ongoing())

    def _last(self, agreement: Agreement) -> Any:
        return last_by_key(self.clocks).get((agreement.kind, agreement.metric))

    def start(
        self, agreement: Agreement, at: datetime, reason: Reason | None = None, *, told_at: datetime | None = None
    ) -> Any:
        cycle = sum(clock.kind is agreement.kind and clock.metric is agreement.metric for clock in self.clocks) + 1
        clock = self.new_clock(
            kind=agreement.kind,
            metric=agreement.metric,
            cycle=cycle,
            policy_id=agreement.policy_id,
            policy_number=agreement.policy_number,
            calendar_id=agreement.calendar_id,
            target=agreement.target,
            started_at=at,
            counted_at=at,
        )
        self.clocks.append(clock)
        self._tell(ClockChange.STARTED, clock, told_at or at, reason)
        return clock

    def _pause_or_resume(self, clock: Any, fact: Fact, plan: Plan) -> None:
        agreement = plan.get((clock.kind, clock.metric))
        if agreement is None:
            return
        pauses = agreement.is_paused(fact.after.status, fact.after.pending_reason)
        if pauses and clock.state is ClockState.RUNNING:
            clock.state, clock.paused_at = ClockState.PAUSED, fact.at
            self._tell(ClockChange.PAUSED, clock, fact.at)
        elif not pauses and clock.state is ClockState.PAUSED:
            clock.state, clock.paused_at, clock.due_at = ClockState.RUNNING, None, None
            self._tell(ClockChange.RESUMED, clock, fact.at)

    def _tell(
        self,
        kind: ClockChange,
        clock: Any,
        at: datetime,
        reason: Reason | None = None,
        *,
        before: Mapping[str, Any] | None = None,
        step: str | None = None,
    ) -> None:
        # The same fact may give it another promise, whose steps are others.
        under = (clock.policy_id, clock.policy_number, clock.calendar_id, clock.target)
        self.changes.append(Change(kind, clock, at, reason, before or {}, step, under))

    def _span(self, by: Any, clock: Any, start: datetime, end: datetime, *, counted: bool, why: str) -> None:
        """`by` is what it was promised by: the clock itself, or an agreement that it does not follow yet."""
        if self.keeps_spans and end > start:
            self.spans.append(Span(clock, start, end, counted, why, by.calendar_id, by.policy_id, by.policy_number))
