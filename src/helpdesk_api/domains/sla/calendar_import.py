"""Closed days out of an iCalendar file (RFC 5545), recurrences laid out with bounds."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from helpdesk_api.domains.sla.errors import InvalidICalendar, TooManyDays

# An endless rule finer than a day would never come to an end.
_SLOW_ENOUGH = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})


def all_day_events(text: str, first: date, last: date, *, limit: int) -> dict[date, str]:
    """The dates of all-day events and their summaries. Raises `invalid_icalendar` and `too_many_days`."""
    from icalendar import Calendar  # noqa: PLC0415 - a quarter of a second of each start, for what few ever do

    pointer = "#/icalendar"
    try:
        calendar = Calendar.from_ical(text)
        _check_rules(calendar)
        found: dict[date, str] = {}
        for day, summary in _days(calendar, first, last):
            found.setdefault(day, summary)
            if len(found) > limit:
                raise TooManyDays(pointer=pointer)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise InvalidICalendar(pointer=pointer) from error
    return found


def _check_rules(calendar: Any) -> None:
    for event in calendar.walk("VEVENT"):
        rules = event.get("RRULE", [])
        for rule in rules if isinstance(rules, list) else [rules]:
            if not _SLOW_ENOUGH.issuperset(str(word).upper() for word in rule.get("FREQ", [])):
                message = "A day's event recurs daily or slower."
                raise InvalidICalendar(message, pointer="#/icalendar")


def _days(calendar: Any, first: date, last: date) -> Iterator[tuple[date, str]]:
    import recurring_ical_events  # noqa: PLC0415 - as above

    for event in recurring_ical_events.of(calendar, components=["VEVENT"]).between(first, last):
        begins, ends = event["DTSTART"].dt, event["DTEND"].dt if "DTEND" in event else None
        if isinstance(begins, datetime):
            continue
        summary = str(event.get("SUMMARY", "")).replace("\x00", " ").strip()[:200] or "Closed"
        behind = ends.toordinal() if ends is not None and not isinstance(ends, datetime) else begins.toordinal() + 1
        for ordinal in range(max(begins.toordinal(), first.toordinal()), min(behind, last.toordinal() + 1)):
            yield date.fromordinal(ordinal), summary
