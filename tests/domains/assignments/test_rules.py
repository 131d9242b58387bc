"""Who takes a ticket, and what it weighs: pure, so without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk_api.domains.assignments.rules import (
    WEIGHTS,
    Candidate,
    Holding,
    Roster,
    choose,
    frees_capacity,
    load_changes,
)
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEAM = UUID(int=100)


def somebody(number: int, **values: Any) -> Candidate:
    defaults: dict[str, Any] = {
        "user_id": UUID(int=number),
        "name": f"Agent {number}",
        "is_available": True,
        "away_until": None,
        "open_limit": None,
        "open_load": 0,
        "open_count": 0,
        "last_assigned_at": None,
    }
    return Candidate(**{**defaults, **values})


def roster_of(*people: Candidate) -> Roster:
    return Roster({one.user_id: one for one in people}, {TEAM: [one.user_id for one in people]}, {TEAM})


def chosen(*people: Candidate) -> int | None:
    found = choose(people, NOW)
    return found.user_id.int if found else None


def test_the_least_loaded_takes_it_whatever_the_number_of_tickets() -> None:
    assert chosen(somebody(1, open_load=8, open_count=1), somebody(2, open_load=3, open_count=3)) == 2


def test_ties_go_to_whoever_waited_longest_and_the_never_assigned_first() -> None:
    early, late = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    assert chosen(somebody(1, last_assigned_at=late), somebody(2, last_assigned_at=early)) == 2
    assert chosen(somebody(1, last_assigned_at=early), somebody(2)) == 2


@pytest.mark.parametrize(
    ("values", "free"),
    [
        ({}, True),
        ({"is_available": False}, False),
        ({"is_available": False, "away_until": NOW + timedelta(seconds=1)}, False),
        ({"is_available": False, "away_until": NOW}, True),
        ({"open_limit": 2, "open_count": 1}, True),
        ({"open_limit": 2, "open_count": 2}, False),
        ({"open_limit": 2, "open_count": 3}, False),
        ({"open_limit": 0}, False),
    ],
)
def test_the_absent_and_the_full_are_passed_over(values: dict[str, Any], free: bool) -> None:
    assert (chosen(somebody(1, **values)) == 1) is free


def test_nobody_of_a_team_without_automatic_assignment_is_chosen() -> None:
    roster = Roster({UUID(int=1): somebody(1)}, {}, {TEAM})
    assert roster.assign(TEAM, Priority.HIGH, NOW) is None
    assert not roster.assigns(TEAM)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.none() | st.integers(0, 6), st.booleans()), min_size=1, max_size=6),
    st.lists(st.sampled_from(Priority), max_size=25),
)
def test_a_run_of_tickets_never_passes_a_limit_and_stays_even(
    people: list[tuple[int, int | None, bool]], priorities: list[Priority]
) -> None:
    roster = roster_of(
        *[
            somebody(number, open_load=load, open_limit=limit, is_available=present)
            for number, (load, limit, present) in enumerate(people, 1)
        ]
    )
    for priority in priorities:
        free = [one for one in roster.people.values() if one.is_free(NOW)]
        taken = roster.assign(TEAM, priority, NOW)
        assert (taken is None) is (not free)
        if taken is not None:
            assert taken.open_load == min(one.open_load for one in free)
    for one in roster.people.values():
        assert one.open_limit is None or one.open_count <= one.open_limit
        assert one.is_available or one.open_count == 0


def test_who_is_excluded_never_takes_it() -> None:
    roster = roster_of(somebody(1), somebody(2, open_load=50))
    taken = roster.assign(TEAM, Priority.LOW, NOW, excluding=UUID(int=1))
    assert taken is not None
    assert taken.user_id == UUID(int=2)


holdings = st.builds(
    Holding,
    st.none() | st.sampled_from([UUID(int=1), UUID(int=2), UUID(int=3)]),
    st.sampled_from(TicketStatus),
    st.sampled_from(Priority),
)


@given(st.lists(holdings, min_size=1, max_size=12))
def test_loads_kept_by_steps_equal_loads_counted_anew(steps: list[Holding]) -> None:
    loads: dict[UUID, list[int]] = {}
    for before, after in zip([Holding(None, TicketStatus.OPEN, Priority.LOW), *steps], steps, strict=False):
        changes = load_changes(before, after)
        assert [change.user_id for change in changes] == sorted(change.user_id for change in changes)
        for change in changes:
            total = loads.setdefault(change.user_id, [0, 0])
            total[0] += change.load
            total[1] += change.count
    last = steps[-1]
    held = last.assignee_id is not None and last.status in ACTIVE_STATUSES
    expected = {last.assignee_id: [WEIGHTS[last.priority], 1]} if held else {}
    assert {user: total for user, total in loads.items() if total != [0, 0]} == expected


@pytest.mark.parametrize(
    ("changes", "frees"),
    [
        ({"status": ["in_progress", "resolved"]}, True),
        ({"status": ["pending", "cancelled"]}, True),
        ({"status": ["open", "in_progress"]}, False),
        ({"status": ["resolved", "closed"]}, False),
        ({"assignee_id": ["usr_a", "usr_b"]}, True),
        ({"assignee_id": [None, "usr_b"]}, False),
        ({"subject": ["a", "b"]}, False),
    ],
)
def test_what_may_make_somebody_free(changes: dict[str, Any], frees: bool) -> None:
    assert frees_capacity(changes) is frees
