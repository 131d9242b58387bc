"""Working time: pure, exact, and in UTC once the days are laid out.

Opening hours are local wall times in an IANA zone, and are taken at their word: each instant is open if the wall clock
of that instant shows an open time. So a day on which the clock changes has its 23 or 25 hours, times that the spring
change skips do not exist, and those that the autumn change repeats happen twice.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

DAY_MINUTES = 24 * 60
# How far the instants of a question may lie apart, or from now.
LONGEST_ASKED = timedelta(days=3_653)
_NONE = timedelta(0)
_EVER = datetime.min.replace(tzinfo=UTC)
_BLOCK_DAYS = 128
# Longer without an open hour, and the calendar is as good as closed for ever; later than this, and nobody waits for it.
_EMPTY_DAYS = 5 * 366
_HORIZON_DAYS = 100 * 366
# Of what lies farther apart no more is counted: nobody waits so long, and each year takes its time to be laid out.
_LONGEST = timedelta(days=20 * 366)


@dataclass(frozen=True, slots=True, order=True)
class DayInterval:
    """Minutes after local midnight; an end beyond 1440 lies in the next day (a night shift)."""

    start: int
    end: int


@dataclass(frozen=True)
class Hours:
    """One version of a calendar: a week from Monday on, and days with hours of their own, none for a closed one."""

    time_zone: str
    week: tuple[tuple[DayInterval, ...], ...]
    days: Mapping[date, tuple[DayInterval, ...]] = field(default_factory=dict)

    @property
    def is_always_open(self) -> bool:
        whole = (DayInterval(0, DAY_MINUTES),)
        return not self.days and all(day == whole for day in self.week)

    def of_day(self, day: date) -> tuple[DayInterval, ...]:
        own = self.days.get(day)
        return own if own is not None else self.week[day.weekday()]


def overlaps(intervals: Sequence[tuple[int, int]]) -> bool:
    """Whether any two of these (start, end) share a minute; touching ones do not."""
    ordered = sorted(intervals)
    return any(before[1] > after[0] for before, after in pairwise(ordered))


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time that is open or closed as a whole, and the version of the calendar that says so."""

    start: datetime
    end: datetime
    is_open: bool
    version: int


class _Block:
    """The open intervals of a run of local days, with running totals: one bisection answers a question."""

    __slots__ = ("end", "ends", "number", "origins", "start", "starts", "total", "totals")

    def __init__(
        self, number: int, start: datetime, end: datetime, intervals: Sequence[tuple[datetime, datetime]]
    ) -> None:
        self.number, self.start, self.end = number, start, end
        self.starts = [interval[0] for interval in intervals]
        self.ends = [interval[1] for interval in intervals]
        # What is open before each interval and before the end; and when each would have begun without a gap before it.
        self.totals = [_NONE]
        self.origins: list[datetime] = []
        for opens, closes in intervals:
            self.origins.append(opens - self.totals[-1])
            self.totals.append(self.totals[-1] + (closes - opens))
        self.total = self.totals[-1]

    def until(self, at: datetime) -> timedelta:
        """Open time from the block's start to this instant."""
        place = bisect_right(self.starts, at) - 1
        if place < 0:
            return _NONE
        return at - self.origins[place] if at < self.ends[place] else self.totals[place + 1]

    def at_amount(self, amount: timedelta) -> datetime:
        """The first instant by which so much of the block's open time has passed; 0 < amount <= total."""
        return self.origins[bisect_left(self.totals, amount) - 1] + amount


class WorkingTime:
    """The working time of one version of a calendar; lays out days as they are asked for."""

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self._zone = ZoneInfo(hours.time_zone)
        self._always = hours.is_always_open
        self._blocks: dict[int, _Block] = {}

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Open time from start to end; none when the end is not after the start."""
        if end <= start:
            return _NONE
        if self._always:
            return end - start
        end = min(end, start + _LONGEST)
        first = self._block_at(start)
        if end < first.end:
            return first.until(end) - first.until(start)
        last = self._block_at(end)
        found = first.total - first.until(start) + last.until(end)
        return found + sum((self._block(number).total for number in range(first.number + 1, last.number)), _NONE)

    def add(self, start: datetime, amount: timedelta) -> datetime | None:
        """The first instant by which so much open time has passed; the start itself for nothing.

        None for never: no open hour within five years, or not so much of them within a hundred.
        """
        if amount <= _NONE:
            return start
        if self._always:
            return start + amount
        first = self._block_at(start)
        left = amount + first.until(start)
        empty = 0
        for number in range(first.number, first.number + _HORIZON_DAYS // _BLOCK_DAYS):
            block = self._block(number)
            if left <= block.total:
                return block.at_amount(left)
            left -= block.total
            empty = empty + 1 if block.total == _NONE else 0
            if empty * _BLOCK_DAYS > _EMPTY_DAYS:
                return None
        return None

    def segments(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, bool]]:
        """The stretches from start to end, open and closed in turn."""
        at = start
        for opens, closes in self._open_intervals(start, end):
            if opens > at:
                yield at, opens, False
            yield max(opens, start), min(closes, end), True
            at = min(closes, end)
        if at < end:
            yield at, end, False

    def _open_intervals(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        if end <= start:
            return
        if self._always:
            yield start, end
            return
        pending: tuple[datetime, datetime] | None = None
        for number in range(self._block_at(start).number, self._block_at(end).number + 1):
            block = self._block(number)
            for opens, closes in zip(block.starts, block.ends, strict=True):
                if closes <= start or opens >= end:
                    continue
                if pending is not None and pending[1] == opens:
                    pending = (pending[0], closes)
                    continue
                if pending is not None:
                    yield pending
                pending = (opens, closes)
        if pending is not None:
            yield pending

    def _block_at(self, at: datetime) -> _Block:
        # By the date that the instant comes with, which is the block's own or one beside it.
        block = self._block(at.toordinal() // _BLOCK_DAYS)
        if at < block.start:
            return self._block(block.number - 1)
        return block if at < block.end else self._block(block.number + 1)

    def _block(self, number: int) -> _Block:
        found = self._blocks.get(number)
        if found is None:
            found = self._blocks[number] = self._lay_out(number)
        return found

    def _lay_out(self, number: int) -> _Block:
        first, behind = max(1, number * _BLOCK_DAYS), (number + 1) * _BLOCK_DAYS
        start, end = self._midnight(first), self._midnight(behind)
        intervals: list[tuple[datetime, datetime]] = []
        # The days around it may reach into the block.
        for ordinal in range(max(1, first - 2), behind + 1):
            day = date.fromordinal(ordinal)
            for interval in self._hours.of_day(day):
                for opens, closes in self._instants(day, interval):
                    if opens < end and closes > start:
                        intervals.append((max(opens, start), min(closes, end)))
        return _Block(number, start, end, _merged(intervals))

    def _midnight(self, ordinal: int) -> datetime:
        return datetime.combine(date.fromordinal(ordinal), time.min, self._zone).astimezone(UTC)

    def _instants(self, day: date, interval: DayInterval) -> Iterator[tuple[datetime, datetime]]:
        """The instants at which the wall clock stands between these minutes; two stretches where it changes."""
        midnight = datetime.combine(day, time.min)
        opens, closes = midnight + timedelta(minutes=interval.start), midnight + timedelta(minutes=interval.end)
        offsets = {self._offset(wall, fold) for wall in (opens, closes) for fold in (0, 1)}
        if len(offsets) == 1:
            (offset,) = offsets
            yield (opens - offset).replace(tzinfo=UTC), (closes - offset).replace(tzinfo=UTC)
            return
        earliest, latest = (opens - max(offsets)).replace(tzinfo=UTC), (closes - min(offsets)).replace(tzinfo=UTC)
        change, before, after = self._change_between(earliest, latest)
        for offset, lower, upper in ((before, earliest, change), (after, change, latest)):
            start = max((opens - offset).replace(tzinfo=UTC), lower)
            end = min((closes - offset).replace(tzinfo=UTC), upper)
            if end > start:
                yield start, end

    def _offset(self, wall: datetime, fold: int) -> timedelta:
        return wall.replace(tzinfo=self._zone, fold=fold).utcoffset() or _NONE

    def _change_between(self, earlier: datetime, later: datetime) -> tuple[datetime, timedelta, timedelta]:
        """The instant at which the zone's offset changes, to the second, and the offsets on both sides of it."""
        before = earlier.astimezone(self._zone).utcoffset() or _NONE
        after = later.astimezone(self._zone).utcoffset() or _NONE
        while later - earlier > timedelta(seconds=1):
            middle = earlier + timedelta(seconds=int((later - earlier).total_seconds()) // 2)
            if middle.astimezone(self._zone).utcoffset() == before:
                earlier = middle
            else:
                later = middle
        return later, before, after


def _merged(intervals: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """In order, and no minute twice: a holiday's hours may meet the night shift of the day before."""
    found: list[tuple[datetime, datetime]] = []
    for opens, closes in sorted(intervals):
        if found and opens <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], closes))
        else:
            found.append((opens, closes))
    return found


class Version(Protocol):
    """A version of a calendar, as a timeline needs it."""

    @property
    def number(self) -> int: ...
    @property
    def effective_from(self) -> datetime: ...
    @property
    def hours(self) -> Hours: ...


class Timeline:
    """A calendar through all its versions: each instant is judged by the version that was in force then.

    So a new version changes nothing of the time already used, and all of what is still to come.
    """

    def __init__(self, versions: Sequence[Version]) -> None:
        """Version 1 also holds for what lies before it, and so until the next one, which may come earlier."""
        first = min(versions, key=lambda version: version.number)
        others = [version for version in versions if version is not first]
        ordered = [first, *sorted(others, key=lambda version: (version.effective_from, version.number))]
        self._from = [_EVER, *(version.effective_from for version in ordered[1:])]
        self._numbers = [version.number for version in ordered]
        self._working = [WorkingTime(version.hours) for version in ordered]

    def version_at(self, at: datetime) -> int:
        return self._numbers[self._place(at)]

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Open time from start to end, each part under its own version."""
        if len(self._working) == 1:
            return self._working[0].between(start, end)
        return sum((working.between(*span) for working, span, _ in self._parts(start, end)), _NONE)

    def add(self, start: datetime, amount: timedelta) -> datetime | None:
        """The first instant by which so much open time has passed; None for never."""
        if len(self._working) == 1:
            return self._working[0].add(start, amount)
        place = self._place(start)
        while place + 1 < len(self._working):
            change = self._from[place + 1]
            available = self._working[place].between(start, change)
            if amount <= available:
                break
            start, amount, place = change, amount - available, place + 1
        return self._working[place].add(start, amount)

    def segments(self, start: datetime, end: datetime) -> Iterator[Segment]:
        """The stretches from start to end, and under which version each was open or closed."""
        for working, span, number in self._parts(start, end):
            for opens, closes, is_open in working.segments(*span):
                yield Segment(opens, closes, is_open, number)

    def _place(self, at: datetime) -> int:
        return bisect_right(self._from, at) - 1

    def _parts(self, start: datetime, end: datetime) -> Iterator[tuple[WorkingTime, tuple[datetime, datetime], int]]:
        place = self._place(start)
        while start < end:
            last = place + 1 >= len(self._working)
            until = end if last else min(end, self._from[place + 1])
            yield self._working[place], (start, until), self._numbers[place]
            start, place = until, place + 1
