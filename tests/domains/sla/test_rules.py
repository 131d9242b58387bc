"""Working time against a count minute by minute, over every kind of change of the clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk_api.domains.sla.rules import DayInterval, Hours, Timeline, WorkingTime, overlaps

MINUTE = timedelta(minutes=1)
# A day before each change of the clock, a leap day, and an ordinary week.
MOMENTS = [
    ("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 31, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 2, 14, tzinfo=UTC)),
    ("Africa/Casablanca", datetime(2026, 3, 21, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 6, 10, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2028, 2, 28, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 4, 4, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 5, tzinfo=UTC)),
    ("UTC", datetime(2026, 12, 31, tzinfo=UTC)),
]
OFFICE = (DayInterval(9 * 60, 12 * 60), DayInterval(13 * 60, 17 * 60 + 30))
NIGHT = (DayInterval(22 * 60, 30 * 60),)


def counted(hours: Hours, start: datetime, end: datetime) -> timedelta:
    """By definition: each minute in which the wall clock shows today's hours, or what reaches over from yesterday."""
    zone, open_on = ZoneInfo(hours.time_zone), dict[date, set[int]]()
    found = 0
    for number in range(int((end - start) / MINUTE)):
        wall = (start + number * MINUTE).astimezone(zone)
        day = wall.date()
        if day not in open_on:
            today, yesterday = hours.of_day(day), hours.of_day(day - timedelta(days=1))
            open_on[day] = {minute for one in today for minute in range(one.start, one.end)}
            open_on[day] |= {minute - 1440 for one in yesterday for minute in range(one.start, one.end)}
        found += wall.hour * 60 + wall.minute in open_on[day]
    return found * MINUTE


@st.composite
def days_of_intervals(draw: st.DrawFn) -> tuple[DayInterval, ...]:
    edges = sorted(draw(st.sets(st.integers(0, 1440), max_size=6)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    reach = draw(st.integers(0, 1440))
    found = [DayInterval(start, end) for start, end in pairs]
    if draw(st.booleans()) and (not found or found[-1].end < 1440):
        found.append(DayInterval(max(found[-1].end + 1 if found else 0, draw(st.integers(0, 1439))), 1440 + reach))
    return tuple(found)


@st.composite
def any_hours(draw: st.DrawFn) -> tuple[Hours, datetime]:
    zone, moment = draw(st.sampled_from(MOMENTS))
    week = tuple(draw(days_of_intervals()) for _ in range(7))
    own = draw(st.dictionaries(st.integers(0, 4), st.one_of(st.just(()), days_of_intervals()), max_size=2))
    days = {moment.date() + timedelta(days=offset): intervals for offset, intervals in own.items()}
    return Hours(zone, week, days), moment


@settings(max_examples=60, deadline=None)
@given(any_hours(), st.integers(0, 2 * 1440), st.integers(0, 3 * 1440))
def test_as_many_minutes_as_the_wall_clock_shows(given_hours: tuple[Hours, datetime], offset: int, length: int) -> None:
    hours, moment = given_hours
    start = moment + offset * MINUTE
    end = start + length * MINUTE
    working = WorkingTime(hours)
    minutes = counted(hours, start, end)
    assert working.between(start, end) == minutes
    stretches = list(working.segments(start, end))
    assert sum((closes - opens for opens, closes, open_ in stretches if open_), timedelta(0)) == minutes
    assert [stretches[0][0], *(stretch[1] for stretch in stretches)][-1:] == [end] if stretches else start == end
    assert all(before[1] == after[0] for before, after in pairwise(stretches))


@settings(max_examples=60, deadline=None)
@given(any_hours(), st.integers(0, 2 * 1440), st.integers(1, 2 * 1440))
def test_adding_is_the_inverse_of_counting(given_hours: tuple[Hours, datetime], offset: int, minutes: int) -> None:
    hours, moment = given_hours
    start, amount = moment + offset * MINUTE, minutes * MINUTE
    working = WorkingTime(hours)
    end = working.add(start, amount)
    if end is None:
        assert working.between(start, start + timedelta(days=1_000)) < amount or not any(hours.week)
        return
    assert working.between(start, end) == amount
    # And no earlier instant would do.
    assert working.between(start, end - timedelta(microseconds=1)) == amount - timedelta(microseconds=1)


@pytest.mark.parametrize(("zone", "moment"), MOMENTS)
def test_around_the_clock_counts_elapsed_time(zone: str, moment: datetime) -> None:
    always = WorkingTime(Hours(zone, ((DayInterval(0, 1440),),) * 7))
    nearly = WorkingTime(Hours(zone, ((DayInterval(0, 700), DayInterval(700, 1440)),) * 7))
    for working in (always, nearly):
        assert working.between(moment, moment + timedelta(days=3)) == timedelta(days=3)
        assert working.add(moment, timedelta(hours=50)) == moment + timedelta(hours=50)


def test_a_night_shift_has_nine_hours_when_the_clock_goes_back_and_seven_when_it_goes_forward() -> None:
    working = WorkingTime(Hours("Europe/Berlin", (NIGHT,) * 7))
    for day, hours in ((datetime(2026, 10, 24, 12, tzinfo=UTC), 9), (datetime(2026, 3, 28, 12, tzinfo=UTC), 7)):
        assert working.between(day, day + timedelta(days=1)) == timedelta(hours=hours)


def test_the_end_of_a_day_is_reached_before_the_next_begins() -> None:
    """Eight hours from nine on are over at the close of the day, not at the next opening."""
    working = WorkingTime(Hours("Europe/Berlin", ((DayInterval(540, 1020),),) * 5 + ((), ())))
    monday = datetime(2026, 6, 1, 7, tzinfo=UTC)
    assert working.add(monday, timedelta(hours=8)) == datetime(2026, 6, 1, 15, tzinfo=UTC)
    assert working.add(monday, timedelta(hours=8, seconds=1)) == datetime(2026, 6, 2, 7, 0, 1, tzinfo=UTC)


def test_nothing_open_for_years_is_said() -> None:
    closed = WorkingTime(Hours("UTC", ((),) * 7, {date(2026, 1, 5): OFFICE}))
    assert closed.add(datetime(2026, 1, 6, tzinfo=UTC), timedelta(seconds=1)) is None
    one_minute_a_week = WorkingTime(Hours("UTC", ((DayInterval(0, 1),), *(((),) * 6))))
    assert one_minute_a_week.add(datetime(2026, 1, 6, tzinfo=UTC), timedelta(days=10)) is None


@dataclass(frozen=True)
class Published:
    number: int
    effective_from: datetime
    hours: Hours


def timeline(*versions: tuple[datetime, Sequence[DayInterval]]) -> Timeline:
    return Timeline(
        [Published(n, since, Hours("UTC", (tuple(day),) * 7)) for n, (since, day) in enumerate(versions, 1)]
    )


def test_an_edit_keeps_the_time_used_and_counts_the_rest_on_the_new_hours() -> None:
    start = datetime(2026, 6, 1, 9, tzinfo=UTC)
    edit = datetime(2026, 6, 1, 13, tzinfo=UTC)
    before = timeline((start - timedelta(days=9), [DayInterval(540, 1020)]))
    after = timeline((start - timedelta(days=9), [DayInterval(540, 1020)]), (edit, [DayInterval(540, 900)]))
    assert before.add(start, timedelta(hours=8)) == datetime(2026, 6, 1, 17, tzinfo=UTC)
    assert after.between(start, edit) == timedelta(hours=4)
    assert after.add(start, timedelta(hours=8)) == datetime(2026, 6, 2, 11, tzinfo=UTC)
    segments = list(after.segments(start, datetime(2026, 6, 2, tzinfo=UTC)))
    assert [(segment.version, segment.is_open) for segment in segments] == [(1, True), (2, True), (2, False)]
    assert after.version_at(edit) == 2
    assert after.version_at(edit - timedelta(microseconds=1)) == 1


def test_version_1_counts_until_the_next_one_also_where_that_comes_earlier() -> None:
    start, edit = datetime(2026, 6, 1, 9, tzinfo=UTC), datetime(2026, 6, 1, 13, tzinfo=UTC)
    working = timeline((datetime(2030, 1, 1, tzinfo=UTC), OFFICE), (edit, [DayInterval(540, 900)]))
    assert [working.version_at(at) for at in (start, edit, datetime(2031, 1, 1, tzinfo=UTC))] == [1, 2, 2]
    only_first = timeline((datetime(2030, 1, 1, tzinfo=UTC), OFFICE))
    assert working.between(start, edit) == only_first.between(start, edit) > timedelta(0)


def test_of_a_far_date_no_more_is_laid_out_than_anybody_waits_for() -> None:
    start, end = datetime(2026, 6, 1, 9, tzinfo=UTC), datetime(2326, 6, 1, tzinfo=UTC)
    working = timeline((start, OFFICE), (end, [DayInterval(540, 900)]))
    assert working.add(start, timedelta(hours=1)) == start + timedelta(hours=1)
    assert len(working._working[0]._blocks) < 60


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4_000), st.integers(1, 4_000), st.lists(st.integers(0, 4_000), max_size=3, unique=True))
def test_a_timeline_adds_what_it_counts(offset: int, minutes: int, changes: list[int]) -> None:
    first = datetime(2026, 6, 1, tzinfo=UTC)
    days = [OFFICE, NIGHT, (DayInterval(0, 1440),), (DayInterval(600, 660),)]
    versions = [(first, days[0]), *((first + n * MINUTE, days[1 + k % 3]) for k, n in enumerate(sorted(changes)))]
    working = timeline(*versions)
    start, amount = first + offset * MINUTE, minutes * MINUTE
    end = working.add(start, amount)
    assert end is not None
    assert working.between(start, end) == amount


def test_touching_is_not_overlapping() -> None:
    assert not overlaps([(0, 60), (60, 90)])
    assert overlaps([(0, 61), (60, 90)])
