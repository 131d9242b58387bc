"""Whether laying out a recurrence comes to an end: one that fits no day is looked for up to the year 9999, whatever its
end is said to be."""

from datetime import date, datetime
from typing import Any

from dateutil.rrule import rrule, rrulestr

# In looks at a month, or at a year of what recurs yearly; each takes a fifth of a millisecond at the most. No rule that
# fits at all lets fifty years of months pass: of the 29 February on one weekday, it is forty.
_MAX_LOOKS_IN_VAIN = 600
MAX_LOOKS = 12_000


class NeverFitsError(ValueError):
    """No day was found for longer than there can be none."""


class LooksSpentError(ValueError):
    """All rules of a file together take too long."""


class Looks:
    """How many looks may still be taken: of all rules together, and of one before it finds a day."""

    def __init__(self) -> None:
        self._left = MAX_LOOKS
        self._in_vain = 0

    def found(self) -> None:
        self._in_vain = 0

    def take(self) -> None:
        self._left -= 1
        self._in_vain += 1
        if self._in_vain > _MAX_LOOKS_IN_VAIN:
            raise NeverFitsError
        if self._left < 0:
            raise LooksSpentError


class _Watched(rrule):  # type: ignore[misc]  # It ships no types.
    """A rule that asks before each look: its library reads this attribute once for each, and offers no other hold."""

    def __init__(self, rule: rrule, looks: Looks) -> None:
        self.__dict__.update(rule.__dict__)
        self._looks = looks

    @property
    def _byeaster(self) -> Any:
        self._looks.take()
        return vars(self)["_byeaster"]


def walk(rule: Any, begins: date, last: date, looks: Looks) -> None:
    """Up to the first day after `last`, as whoever lays it out does. Raises `NeverFitsError` and `LooksSpentError`."""
    # Where it ends is asked of days that fit, and so never of those that do not.
    endless = type(rule)({name: rule[name] for name in rule if name != "UNTIL"})
    start = datetime(begins.year, begins.month, begins.day)  # noqa: DTZ001 - days have no zone
    looks.found()
    for found in _Watched(rrulestr(endless.to_ical().decode(), dtstart=start), looks):
        looks.found()
        if found.date() > last:
            return
