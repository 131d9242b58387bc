"""What moves a clock: each rule of the service levels, on facts alone."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk_api.domains.sla.beginnings import Past
from helpdesk_api.domains.sla.clock_past import late_start, stretches
from helpdesk_api.domains.sla.clock_reading import Reading
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.sla.clock_state import Agreement, DerivedClock, Fact, Situation, Step
from helpdesk_api.domains.sla.enums import ClockChange, ClockState, Metric, PolicyKind, Reason
from helpdesk_api.domains.sla.facts import facts_of_words, instant
from helpdesk_api.domains.sla.rules import DAY_MINUTES, DayInterval
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from tests.domains.sla.test_rules import timeline

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
POLICY, CALENDAR, OTHER = (UUID(int=n) for n in (1, 2, 3))
OPEN = Situation(TicketStatus.OPEN, None, None, is_assigned=False)
WORKING = Situation(TicketStatus.IN_PROGRESS, None, None, is_assigned=True)
WAITING = Situation(TicketStatus.PENDING, PendingReason.REQUESTER, None, is_assigned=True)
RESOLVED = Situation(TicketStatus.RESOLVED, None, None, is_assigned=True)
CANCELLED = Situation(TicketStatus.CANCELLED, None, None, is_assigned=True)


class Always:
    """Around the clock."""

    def between(self, start: datetime, end: datetime) -> timedelta:
        return max(timedelta(0), end - start)

    def add(self, start: datetime, amount: timedelta) -> datetime:
        return start + amount


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def agreed(metric: Metric, hours: float, *, steps: tuple[Step, ...] = (), policy: UUID = POLICY) -> Agreement:
    return Agreement(
        kind=PolicyKind.SLA,
        metric=metric,
        policy_id=policy,
        policy_number=1,
        calendar_id=CALENDAR,
        target=timedelta(hours=hours),
        steps=steps,
        is_paused=lambda status, _: metric is not Metric.FIRST_RESPONSE and status is TicketStatus.PENDING,
    )


AGREED = {metric: agreed(metric, 8) for metric in Metric}


class Ticket:
    """A ticket's facts, told one after another."""

    def __init__(self, *agreements: Agreement) -> None:
        self.steps = tuple(step for agreement in agreements for step in agreement.steps)
        self.clocks = TicketClocks([], lambda _: Always(), lambda _: self.steps, keeps_spans=True)
        self.facts: list[Fact] = []
        self.promise(*agreements)
        self.tell(0, OPEN)

    def promise(self, *agreements: Agreement) -> None:
        self.plan = {(agreement.kind, agreement.metric): agreement for agreement in agreements}

    def tell(
        self, hours: float, after: Situation, *, staff: bool = False, requester: bool = False, inside: bool = True
    ) -> None:
        before = self.facts[-1].after if self.facts else None
        fact = Fact(at(hours), before, after, staff, requester, inside)
        self.clocks.apply(fact, self.plan, self.facts)
        self.facts.append(fact)

    def clock(self, metric: Metric, cycle: int = 1) -> DerivedClock:
        found: DerivedClock = next(
            clock for clock in self.clocks.clocks if (clock.metric, clock.cycle) == (metric, cycle)
        )
        return found

    def told(self) -> list[tuple[str, str, datetime]]:
        return [(change.kind.value, change.clock.metric.value, change.at) for change in self.clocks.changes]


def test_a_pause_is_not_counted_and_moves_the_due_time() -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 8))
    clock = ticket.clock(Metric.RESOLUTION)
    assert clock.due_at == at(8)
    ticket.tell(2, WAITING)
    assert clock.state is ClockState.PAUSED
    assert [clock.due_at, clock.next_timer_at] == [None, None]
    ticket.tell(50, WORKING)
    assert (clock.state, clock.due_at, clock.used) == (ClockState.RUNNING, at(56), timedelta(hours=2))
    ticket.tell(55, RESOLVED)
    assert (clock.state, clock.used, clock.used_calendar) == (ClockState.MET, timedelta(hours=7), timedelta(hours=7))


def test_met_at_the_very_instant_it_was_due() -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 8))
    ticket.tell(8, RESOLVED)
    clock = ticket.clock(Metric.RESOLUTION)
    assert (clock.state, clock.breached_at) == (ClockState.MET, None)


def test_a_breach_that_no_timer_saw_carries_its_true_instant() -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 8))
    ticket.tell(9, RESOLVED)
    clock = ticket.clock(Metric.RESOLUTION)
    assert (clock.state, clock.breached_at, clock.used) == (ClockState.BREACHED, at(8), timedelta(hours=9))
    assert ticket.told()[-1] == ("breached", "resolution", at(8))


def test_another_target_takes_over_the_time_used() -> None:
    """3 h at 10:00, changed to 2 h at 11:00: due at 12:00."""
    ticket = Ticket(agreed(Metric.RESOLUTION, 3))
    ticket.promise(agreed(Metric.RESOLUTION, 2))
    ticket.tell(1, OPEN)
    clock = ticket.clock(Metric.RESOLUTION)
    assert (clock.due_at, clock.used) == (at(2), timedelta(hours=1))
    change = ticket.clocks.changes[-1]
    assert (change.kind, change.reason) == (ClockChange.RECOMPUTED, Reason.TICKET_CHANGED)
    assert change.before["due_at"] == at(3)


def test_pause_time_survives_a_change_of_priority() -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 8))
    ticket.tell(1, WAITING)
    ticket.tell(11, WORKING)
    ticket.promise(agreed(Metric.RESOLUTION, 4))
    ticket.tell(12, WORKING)
    assert ticket.clock(Metric.RESOLUTION).due_at == at(14)


def test_a_recorded_breach_is_never_undone() -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 2))
    ticket.tell(3, WORKING)
    ticket.promise(agreed(Metric.RESOLUTION, 72))
    ticket.tell(4, WORKING)
    ticket.tell(5, RESOLVED)
    clock = ticket.clock(Metric.RESOLUTION)
    assert (clock.state, clock.breached_at, clock.target) == (ClockState.BREACHED, at(2), timedelta(hours=72))


def by_hand(ticket: Ticket, clock: DerivedClock, hours: float, due: float) -> None:
    ticket.clocks.settle(clock, at(hours))
    clock.manual_due_at = at(due)
    ticket.clocks.recompute(clock, at(hours), Reason.MANUAL_DEADLINE, {})


def shown(clock: DerivedClock, hours: float) -> dict[str, Any]:
    one = SimpleNamespace(id=OTHER, **asdict(clock))
    return Reading({CALENDAR: timeline((T0, [DayInterval(0, DAY_MINUTES)]))}, at(hours)).cycle(one)


def test_a_deadline_by_hand_passes_also_in_a_pause() -> None:
    steps = (Step("warning:0", percent=75), Step("escalation:0", offset=timedelta(hours=2)))
    ticket = Ticket(agreed(Metric.RESOLUTION, 8, steps=steps))
    clock = ticket.clock(Metric.RESOLUTION)
    by_hand(ticket, clock, 1, 20)
    ticket.tell(2, WAITING)
    assert (clock.state, clock.due_at, clock.next_timer_at) == (ClockState.PAUSED, at(20), at(15))
    # Whoever looks on the way changes nothing.
    ticket.tell(21, WAITING)
    assert (clock.breached_at, clock.next_timer_at, clock.used) == (at(20), at(22), timedelta(hours=2))
    ticket.tell(30, RESOLVED)
    assert (clock.state, clock.used) == (ClockState.BREACHED, timedelta(hours=2))
    assert ticket.told()[-3:] == [
        ("warned", "resolution", at(15)),
        ("breached", "resolution", at(20)),
        ("escalated", "resolution", at(22)),
    ]


def test_what_was_resolved_before_its_deadline_is_not_late_before_it_is_reopened() -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 8))
    clock = ticket.clock(Metric.RESOLUTION)
    by_hand(ticket, clock, 1, 20)
    ticket.tell(10, RESOLVED)
    assert clock.state is ClockState.MET
    assert [shown(clock, hours)["remaining"]["working_seconds"] for hours in (10, 25)] == [36_000, 36_000]
    ticket.tell(30, WORKING)
    assert (clock.next_timer_at, shown(clock, 30.5)["breached_at"]) == (at(30), at(30))
    ticket.tell(31, RESOLVED)
    assert (clock.state, clock.breached_at) == (ClockState.BREACHED, at(30))


def test_once_its_due_time_has_passed_it_stands() -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 4))
    ticket.tell(5, WORKING)
    ticket.promise(agreed(Metric.RESOLUTION, 8))
    ticket.tell(6, WORKING)
    clock = ticket.clock(Metric.RESOLUTION)
    assert (clock.breached_at, clock.due_at) == (at(4), at(8))
    ticket.tell(9, WORKING)
    assert clock.due_at == at(8)


def test_the_first_response_never_restarts() -> None:
    ticket = Ticket(agreed(Metric.FIRST_RESPONSE, 1), agreed(Metric.RESOLUTION, 8))
    ticket.tell(0.5, WORKING, staff=True)
    ticket.tell(1, RESOLVED)
    ticket.tell(2, WORKING)
    assert [clock.metric for clock in ticket.clocks.clocks] == [Metric.FIRST_RESPONSE, Metric.RESOLUTION]
    assert ticket.clock(Metric.FIRST_RESPONSE).state is ClockState.MET


def test_a_first_response_is_not_paused_by_waiting() -> None:
    ticket = Ticket(agreed(Metric.FIRST_RESPONSE, 1))
    ticket.tell(0.5, WAITING)
    assert ticket.clock(Metric.FIRST_RESPONSE).state is ClockState.RUNNING


def test_inside_the_reopen_window_the_resolution_goes_on() -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 8))
    ticket.tell(6, RESOLVED)
    ticket.tell(100, WORKING)
    clock = ticket.clock(Metric.RESOLUTION)
    assert (clock.state, clock.due_at, clock.ended_at) == (ClockState.RUNNING, at(102), None)


def test_after_the_reopen_window_a_new_cycle_begins() -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 8))
    ticket.tell(6, RESOLVED)
    ticket.tell(100, WORKING, inside=False)
    assert ticket.clock(Metric.RESOLUTION).state is ClockState.MET
    assert ticket.clock(Metric.RESOLUTION, 2).due_at == at(108)


def test_each_question_of_the_requester_has_its_own_cycle_and_the_oldest_counts() -> None:
    ticket = Ticket(agreed(Metric.FIRST_RESPONSE, 1), agreed(Metric.NEXT_RESPONSE, 2))
    ticket.tell(0.2, OPEN, requester=True)
    assert len(ticket.clocks.clocks) == 1  # The first answer is still owed.
    ticket.tell(0.5, WORKING, staff=True)
    ticket.tell(1, WORKING, requester=True)
    ticket.tell(2, WORKING, requester=True)
    assert ticket.clock(Metric.NEXT_RESPONSE).due_at == at(3)
    ticket.tell(2.5, WORKING, staff=True)
    ticket.tell(4, WORKING, requester=True)
    assert ticket.clock(Metric.NEXT_RESPONSE).state is ClockState.MET
    assert ticket.clock(Metric.NEXT_RESPONSE, 2).due_at == at(6)


def test_updates_are_counted_from_one_to_the_next() -> None:
    ticket = Ticket(agreed(Metric.UPDATE, 4))
    ticket.tell(3, WORKING, staff=True)
    ticket.tell(8, WORKING, staff=True)
    assert ticket.clock(Metric.UPDATE).state is ClockState.MET
    assert (ticket.clock(Metric.UPDATE, 2).state, ticket.clock(Metric.UPDATE, 2).breached_at) == (
        ClockState.BREACHED,
        at(7),
    )
    assert ticket.clock(Metric.UPDATE, 3).started_at == at(8)


def test_time_to_assign_begins_again_when_nobody_has_it() -> None:
    ticket = Ticket(agreed(Metric.ASSIGNMENT, 1))
    ticket.tell(0.5, WORKING)
    ticket.tell(3, OPEN)
    assert ticket.clock(Metric.ASSIGNMENT).state is ClockState.MET
    assert ticket.clock(Metric.ASSIGNMENT, 2).due_at == at(4)


def test_a_promise_that_comes_late_counts_from_the_beginning_without_the_pauses() -> None:
    ticket = Ticket()
    ticket.tell(1, WAITING)
    ticket.tell(5, WORKING)
    ticket.promise(agreed(Metric.RESOLUTION, 8), agreed(Metric.FIRST_RESPONSE, 10))
    ticket.tell(6, WORKING)
    clock = ticket.clock(Metric.RESOLUTION)
    assert (clock.started_at, clock.used, clock.due_at) == (at(0), timedelta(hours=2), at(12))
    assert ticket.clock(Metric.FIRST_RESPONSE).due_at == at(10)


def test_cancelling_the_ticket_cancels_what_runs() -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 8))
    ticket.tell(1, CANCELLED)
    assert ticket.clock(Metric.RESOLUTION).state is ClockState.CANCELLED


def test_a_promise_withdrawn_cancels_its_clock() -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 8))
    ticket.promise()
    ticket.tell(1, OPEN)
    assert ticket.clocks.changes[-1].reason is Reason.NO_POLICY


def test_a_promise_that_comes_back_goes_on_with_the_time_between() -> None:
    steps = (Step("warning:0", percent=25),)
    promised = agreed(Metric.RESOLUTION, 8, steps=steps)
    ticket = Ticket(promised)
    ticket.tell(3, OPEN)
    ticket.promise()
    ticket.tell(3, OPEN)
    ticket.tell(4, WAITING)
    ticket.tell(14, WORKING)
    ticket.promise(promised)
    ticket.tell(15, WORKING)
    (clock,) = ticket.clocks.clocks
    assert (clock.state, clock.ended_at, clock.used, clock.due_at) == (
        ClockState.RUNNING,
        None,
        timedelta(hours=5),
        at(18),
    )
    assert [change.kind for change in ticket.clocks.changes][1:] == [
        ClockChange.WARNED,
        ClockChange.CANCELLED,
        ClockChange.RECOMPUTED,
    ]
    counted = sum((span.end - span.start for span in ticket.clocks.spans if span.counted), timedelta(0))
    assert counted == clock.used


def test_a_late_resolution_that_comes_back_stays_late_once() -> None:
    promised = agreed(Metric.RESOLUTION, 2)
    ticket = Ticket(promised)
    ticket.promise()
    ticket.tell(3, OPEN)
    ticket.promise(promised)
    ticket.tell(4, OPEN)
    (clock,) = ticket.clocks.clocks
    assert (clock.state, clock.breached_at) == (ClockState.RUNNING, at(2))
    assert [told[0] for told in ticket.told()].count("breached") == 1


def test_what_the_ticket_itself_ended_does_not_come_back() -> None:
    promised = agreed(Metric.FIRST_RESPONSE, 1)
    withdrawn = Ticket(promised)
    withdrawn.promise()
    withdrawn.tell(0.2, OPEN)
    withdrawn.tell(0.5, WORKING, staff=True)
    withdrawn.promise(promised)
    withdrawn.tell(0.7, WORKING)
    assert withdrawn.clock(Metric.FIRST_RESPONSE).state is ClockState.CANCELLED
    assigned = Ticket(agreed(Metric.ASSIGNMENT, 1))
    assigned.tell(0.5, Situation(TicketStatus.RESOLVED, None, None, is_assigned=False))
    assigned.tell(1, OPEN)
    assigned.tell(2, OPEN)
    assert [clock.state for clock in assigned.clocks.clocks] == [ClockState.CANCELLED]


def test_steps_come_in_the_order_of_their_instants_with_the_breach_among_them() -> None:
    steps = (Step("warning:0", percent=75), Step("escalation:0", offset=timedelta(hours=2)))
    ticket = Ticket(agreed(Metric.RESOLUTION, 8, steps=steps))
    clock = ticket.clock(Metric.RESOLUTION)
    assert clock.next_timer_at == at(6)
    ticket.tell(11, WORKING)
    assert ticket.told()[1:] == [
        ("warned", "resolution", at(6)),
        ("breached", "resolution", at(8)),
        ("escalated", "resolution", at(10)),
    ]
    assert clock.next_timer_at is None


@pytest.mark.parametrize("hours", [0.5, 7.9, 8, 30])
def test_counted_spans_add_up_to_the_time_used(hours: float) -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 8))
    ticket.tell(0.25, WAITING)
    ticket.tell(0.3, WORKING)
    ticket.tell(hours, RESOLVED)
    ticket.tell(40, WORKING)
    ticket.tell(41, RESOLVED)
    counted = sum((span.end - span.start for span in ticket.clocks.spans if span.counted), timedelta(0))
    assert counted == ticket.clock(Metric.RESOLUTION).used
    whole = sum((span.end - span.start for span in ticket.clocks.spans), timedelta(0))
    assert whole == timedelta(hours=41)


TEAMS = (UUID(int=11), UUID(int=12))


def in_team(team: UUID, situation: Situation = WORKING) -> Situation:
    return replace(situation, team_id=team)


def between_teams(metric: Metric, team: UUID) -> Agreement:
    """Each team has a policy of its own."""
    return replace(agreed(metric, 8, policy=team), kind=PolicyKind.OLA)


@pytest.mark.parametrize("asks_before", [False, True])
def test_the_word_that_reopens_a_ticket_waits_for_its_answer(asks_before: bool) -> None:
    ticket = Ticket(agreed(Metric.RESOLUTION, 8), agreed(Metric.NEXT_RESPONSE, 2))
    ticket.tell(1, WORKING, staff=True)
    if asks_before:
        ticket.tell(2, WORKING, requester=True)
        ticket.tell(3, WORKING, staff=True)
    ticket.tell(4, RESOLVED)
    ticket.tell(5, RESOLVED, requester=True)
    ticket.tell(5, WORKING)
    assert ticket.clock(Metric.NEXT_RESPONSE, 1 + asks_before).due_at == at(7)
    ticket.tell(6, RESOLVED)
    # Who reopens it without a word asks nothing.
    ticket.tell(7, WORKING)
    assert [clock.metric for clock in ticket.clocks.ongoing()] == [Metric.RESOLUTION]


def test_lowered_and_raised_again_while_resolved_keeps_the_time_used() -> None:
    promised = agreed(Metric.RESOLUTION, 8)
    ticket = Ticket(promised)
    ticket.promise()
    ticket.tell(4, WORKING)
    ticket.tell(5, RESOLVED)
    ticket.promise(promised)
    ticket.tell(20, RESOLVED)
    ticket.tell(30, WORKING)
    (clock,) = ticket.clocks.clocks
    assert (clock.state, clock.used, clock.due_at) == (ClockState.RUNNING, timedelta(hours=5), at(33))
    assert ticket.clocks.changes[-1].reason is Reason.REOPENED
    assert [(span.why, span.start, span.end) for span in ticket.clocks.spans[-2:]] == [
        ("running", at(4), at(5)),
        ("resolved", at(5), at(30)),
    ]


def test_what_is_promised_late_begins_where_it_would_have_begun_since_the_reopening() -> None:
    metrics = (Metric.RESOLUTION, Metric.UPDATE, Metric.NEXT_RESPONSE, Metric.FIRST_RESPONSE)
    for is_inside, begun in ((True, at(0)), (False, at(5))):
        ticket = Ticket()
        ticket.tell(1, WORKING, staff=True)
        ticket.tell(2, WORKING, requester=True)
        ticket.tell(3, RESOLVED)
        ticket.tell(5, WORKING, inside=is_inside)
        ticket.promise(*(agreed(metric, 8) for metric in metrics))
        ticket.tell(6, WORKING)
        assert {clock.metric: clock.started_at for clock in ticket.clocks.ongoing()} == {
            Metric.RESOLUTION: begun,
            Metric.UPDATE: at(5),
        }


def test_a_preview_knows_of_a_reopening_after_the_window() -> None:
    begun = []
    for kind in ("changed", "late"):
        words = f'created|"open"||| changed|"resolved"||| {kind}|"in_progress"|||'
        *past, now = facts_of_words([0, 1_000_000, 2_000_000], words)
        begun.append(late_start(agreed(Metric.RESOLUTION, 8), past, now))
    assert begun == [past[0].at, now.at]


WORDS = [
    'changed|"in_progress"|||"string"',
    'changed|"pending"|"requester"||',
    'changed|"resolved"|||',
    'late|"in_progress"|||',
    "answered||||",
    "asked||||",
]
TOLD = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(WORDS)), max_size=4)
COURSES: dict[Any, Any] = {}


@settings(max_examples=300)
@given(TOLD, st.integers(0, 4), st.sampled_from(sorted(Metric)))
def test_what_happened_in_the_same_order_has_the_same_course(
    told: list[tuple[int, str]], until: int, metric: Metric
) -> None:
    """Also where instants are the same, or a clock was set back."""
    promised = AGREED[metric]
    instants, words = [0, *(at for at, _ in told)], " ".join(['created|"open"|||', *(word for _, word in told)])
    past = Past(instants, words, until)
    course, in_order = past.course(promised, COURSES)
    begun = late_start(promised, past.facts, past.now)
    expected = list(stretches(promised, past.facts, begun, past.now)) if begun is not None else []
    assert [(instant(in_order[start]), instant(in_order[end]), why) for start, end, why in course] == expected


@pytest.mark.parametrize("metric", [Metric.ASSIGNMENT, Metric.NEXT_RESPONSE, Metric.RESOLUTION])
def test_a_cycle_that_began_without_a_promise_counts_once_it_is_promised(metric: Metric) -> None:
    promised = agreed(metric, 8)
    ticket = Ticket(promised)
    ticket.tell(1, WORKING, staff=True)
    ticket.tell(2, WORKING, requester=True)
    ticket.tell(3, RESOLVED, staff=True)
    ticket.promise()
    ticket.tell(4, WORKING)
    ticket.tell(5, replace(WORKING, is_assigned=False), requester=True)
    ticket.promise(promised)
    ticket.tell(6, replace(WORKING, is_assigned=False))
    (clock,) = ticket.clocks.ongoing()
    goes_on = metric is Metric.RESOLUTION
    assert (clock.cycle, clock.started_at) == ((1, at(0)) if goes_on else (2, at(5)))
    assert clock.used == timedelta(hours=5 if goes_on else 1)


def test_each_team_counts_from_when_it_works_on_the_ticket() -> None:
    teams = [in_team(team) for team in TEAMS]
    ticket = Ticket()
    ticket.tell(1, teams[0])
    ticket.promise(between_teams(Metric.RESOLUTION, TEAMS[0]))
    ticket.tell(2, teams[0])
    ticket.tell(4, in_team(TEAMS[0], RESOLVED))
    ticket.promise(between_teams(Metric.RESOLUTION, TEAMS[1]))
    ticket.tell(5, in_team(TEAMS[1], RESOLVED))
    ticket.tell(6, teams[1])
    first, second = ticket.clocks.clocks
    assert (first.state, first.policy_id, first.used) == (ClockState.MET, TEAMS[0], timedelta(hours=3))
    assert (second.state, second.started_at, second.used) == (ClockState.RUNNING, at(6), timedelta(0))
    # The first team has no promise when it comes back to them: theirs counts from when they took it over.
    ticket.promise()
    ticket.tell(7, teams[0])
    ticket.promise(between_teams(Metric.RESOLUTION, TEAMS[0]))
    ticket.tell(9, teams[0])
    third = ticket.clocks.clocks[2]
    assert (third.started_at, third.used, third.cycle) == (at(7), timedelta(hours=2), 3)


def ongoing(ticket: Ticket) -> dict[tuple[str, str], tuple[ClockState, datetime, timedelta, UUID]]:
    return {
        (one.kind.value, one.metric.value): (one.state, one.started_at, one.used, one.policy_id)
        for one in ticket.clocks.ongoing()
    }


ACTS = ("answer", "ask", "assign", "unassign", "pend", "resume", "resolve", "reopen", "reopen_late", "word", "move")


def told_by(situation: Situation, act: str) -> list[tuple[Situation, dict[str, bool]]]:
    """The facts that an act makes of a ticket as it is: none where it cannot be done."""
    resolved = situation.status is TicketStatus.RESOLVED
    if act in ("answer", "ask") and not (resolved and act == "ask"):
        return [(situation, {"staff": act == "answer", "requester": act == "ask"})]
    if act == "move":
        other = TEAMS[1] if situation.team_id == TEAMS[0] else TEAMS[0]
        return [(replace(situation, team_id=other, is_assigned=False), {})]
    if act in ("assign", "unassign"):
        return [(replace(situation, is_assigned=act == "assign"), {})]
    back = replace(situation, status=TicketStatus.IN_PROGRESS, pending_reason=None)
    if resolved:
        said: list[tuple[Situation, dict[str, bool]]] = [(situation, {"requester": True})] if act == "word" else []
        reopened = [*said, (back, {"inside": act != "reopen_late"})]
        return reopened if act in ("reopen", "reopen_late", "word") else []
    if act == "resolve":
        return [(replace(back, status=TicketStatus.RESOLVED), {})]
    if act == "pend":
        return [(replace(back, status=TicketStatus.PENDING, pending_reason=PendingReason.REQUESTER), {})]
    return [(back, {})] if act == "resume" else []


@given(acts=st.lists(st.tuples(st.sampled_from(ACTS), st.booleans()), max_size=14))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_whenever_it_was_promised_it_stands_as_if_it_always_had_been(acts: list[tuple[str, bool]]) -> None:
    """Whatever was withdrawn in between, and whoever had it while it rested: in the end the same clocks go on."""
    always, at_times = Ticket(), Ticket()
    for hours, (act, is_promised) in enumerate([*acts, ("assign", True)], start=1):
        for place, (after, more) in enumerate(told_by(always.facts[-1].after, act)):
            plan = [agreed(metric, 8) for metric in Metric]
            if after.team_id is not None:
                plan += [between_teams(metric, after.team_id) for metric in Metric]
            for ticket, agreements in ((always, plan), (at_times, plan if is_promised else [])):
                ticket.promise(*agreements)
                ticket.tell(hours + place / 10, after, **more)
    assert ongoing(at_times) == ongoing(always)
    for clock in at_times.clocks.clocks:
        spans = [span for span in at_times.clocks.spans if span.clock is clock]
        assert sum((span.end - span.start for span in spans if span.counted), timedelta(0)) == clock.used
