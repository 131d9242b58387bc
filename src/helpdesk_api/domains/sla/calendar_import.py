"""Closed days out of an iCalendar file (RFC 5545), recurrences laid out with bounds."""

from collections.abc import Iterator
from datetime import date, datetime
from math import prod
from typing import Any

from helpdesk_api.domains.sla.errors import InvalidICalendar, TooManyDays

# An endless rule finer than a day would never come to an end. By each of the others, in how many days it recurs, and
# how often then at the most, with everything that may stand behind it.
_DAYS = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 28, "YEARLY": 365}
_FINER = ("BYHOUR", "BYMINUTE", "BYSECOND")
_LISTS = ("BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH")
# Laying one out takes a fifth of a millisecond.
_MAX_OCCURRENCES = 10_000


def all_day_events(text: str, first: date, last: date, *, limit: int) -> dict[date, str]:
    """The dates of all-day events and their summaries. Raises `invalid_icalendar` and `too_many_days`."""
    # A quarter of a second of each start, for what few ever do.
    from icalendar import Calendar  # noqa: PLC0415

    from helpdesk_api.domains.sla.calendar_recurrence import LooksSpentError, NeverFitsError  # noqa: PLC0415

    pointer = "#/icalendar"
    try:
        calendar = Calendar.from_ical(text)
        if _occurrences(calendar, first, last) > _MAX_OCCURRENCES:
            raise TooManyDays(pointer=pointer)
        found: dict[date, str] = {}
        for day, summary in _days(calendar, first, last):
            found.setdefault(day, summary)
            if len(found) > limit:
                raise TooManyDays(pointer=pointer)
    except NeverFitsError as error:
        message = "A recurrence fits no day."
        raise InvalidICalendar(message, pointer=pointer) from error
    except LooksSpentError as error:
        raise TooManyDays(pointer=pointer) from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise InvalidICalendar(pointer=pointer) from error
    return found


def _occurrences(calendar: Any, first: date, last: date) -> int:
    """At the most, counted before any is laid out."""
    from helpdesk_api.domains.sla.calendar_recurrence import Looks, walk  # noqa: PLC0415 - as above

    found, looks = 0, Looks()
    for event in calendar.walk("VEVENT"):
        dates = event.get("RDATE", [])
        found += 1 + sum(len(one.dts) for one in (dates if isinstance(dates, list) else [dates]))
        # What recurs is laid out from its beginning on, however long ago that was.
        starts = _day(event["DTSTART"].dt) if "DTSTART" in event else first
        rules = event.get("RRULE", [])
        for rule in rules if isinstance(rules, list) else [rules]:
            found += _of_rule(rule, min(first, starts), last)
            if found > _MAX_OCCURRENCES:
                return found
            walk(rule, starts, last, looks)
    return found


def _day(instant: date) -> date:
    return instant.date() if isinstance(instant, datetime) else instant


def _of_rule(rule: Any, first: date, last: date) -> int:
    days = [_DAYS.get(str(word).upper()) for word in rule.get("FREQ", [])]
    interval = rule.get("INTERVAL", [1])[0]
    if len(days) != 1 or days[0] is None or interval < 1 or any(name in rule for name in _FINER):
        message = "A day's event recurs daily or slower."
        raise InvalidICalendar(message, pointer="#/icalendar")
    period = days[0]
    # `4TH` is one day of a period, `TH` all of its Thursdays.
    weekdays = sum(1 if str(day)[0] in "+-0123456789" else (period + 6) // 7 for day in rule.get("BYDAY", [])) or 1
    often = min(period, weekdays * prod(len(rule.get(name, [1])) for name in _LISTS))
    counted = ((last - first).days // (period * interval) + 1) * often
    # A count below nothing is none.
    return int(min([counted, *(count for count in rule.get("COUNT", []) if count >= 0)]))


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
