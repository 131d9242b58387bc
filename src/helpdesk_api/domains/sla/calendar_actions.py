"""Changing calendars: a new version is the only way to change hours."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.sla import calendar_queries as queries
from helpdesk_api.domains.sla import errors, events
from helpdesk_api.domains.sla.calendar_import import all_day_events
from helpdesk_api.domains.sla.calendar_models import Calendar, CalendarVersion
from helpdesk_api.domains.sla.calendar_schemas import (
    MAX_DAYS,
    MAX_VERSIONS,
    CalendarCreate,
    CalendarDay,
    CalendarVersionCreate,
    DayImport,
    OpeningHours,
)
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.following import follow_jobs
from helpdesk_api.domains.sla.holiday_dates import YEARS_AHEAD, YEARS_BACK, is_known, public_holidays
from helpdesk_api.domains.sla.policy_models import SlaPolicy, SlaPolicyVersion
from helpdesk_api.domains.sla.rules import DAY_MINUTES, overlaps
from helpdesk_api.domains.users.rules import check_time_zone
from helpdesk_api.jobs.queue import enqueue_many
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.schemas import instant_text

_WEEK_MINUTES = 7 * DAY_MINUTES


async def create_calendar(session: AsyncSession, principal: Principal, body: CalendarCreate) -> Calendar:
    """With its first version, which also holds for what lies before it. Raises what `add_version` does."""
    now = clock.now()
    calendar = Calendar(
        id=new_id(),
        name=body.name,
        is_builtin=False,
        version=1,
        withdrawn_number=0,
        created_at=now,
        updated_at=now,
    )
    session.add(calendar)
    await _flush_checked(session)
    await _add(session, principal, calendar, body, number=1)
    await _record(session, principal, calendar, events.CalendarCreated, {"name": (None, body.name)})
    return calendar


async def rename_calendar(session: AsyncSession, principal: Principal, calendar: Calendar, name: str) -> None:
    """Raises `calendar_builtin`, `calendar_archived` and `calendar_name_taken`."""
    _require_changeable(calendar)
    if calendar.name == name:
        return
    changes = {"name": (calendar.name, name)}
    calendar.name = name
    _touch(calendar)
    await _flush_checked(session)
    await _record(session, principal, calendar, events.CalendarUpdated, changes)


async def archive_calendar(session: AsyncSession, principal: Principal, calendar: Calendar) -> None:
    """Raises `calendar_builtin` and `calendar_in_use`; what was counted in it stays counted."""
    if calendar.is_builtin:
        raise errors.CalendarBuiltIn
    if calendar.archived_at is not None:
        return
    await _check_unused(session, calendar.id)
    calendar.archived_at = clock.now()
    _touch(calendar)
    changes = {"archived_at": (None, instant_text(calendar.archived_at))}
    await _record(session, principal, calendar, events.CalendarArchived, changes)


async def _check_unused(session: AsyncSession, calendar_id: UUID) -> None:
    """By the draft of a policy that is in use, by its version in force or one to come, or by a clock that still runs:
    what was superseded counts in it no more."""
    newer = aliased(SlaPolicyVersion)
    superseded = exists(
        select(newer.policy_id).where(
            newer.policy_id == SlaPolicyVersion.policy_id,
            newer.effective_from <= clock.now(),
            tuple_(newer.effective_from, newer.number)
            > tuple_(SlaPolicyVersion.effective_from, SlaPolicyVersion.number),
        )
    )
    policies = (
        select(SlaPolicy.id)
        .join(SlaPolicyVersion, SlaPolicyVersion.policy_id == SlaPolicy.id)
        .where(SlaPolicyVersion.calendar_id == calendar_id, SlaPolicy.archived_at.is_(None), ~superseded)
        .order_by(SlaPolicy.position, SlaPolicy.id)
    )
    used_by = list(dict.fromkeys(await session.scalars(policies)))
    if used_by:
        raise errors.CalendarInUse(params={"policy_ids": [public_id("slp", policy_id) for policy_id in used_by]})
    running = exists(select(SlaClock.id).where(SlaClock.calendar_id == calendar_id, SlaClock.ended_at.is_(None)))
    if await session.scalar(select(running)):
        message = "Clocks of open tickets still count in it; they follow their policies, or end with their tickets."
        raise errors.CalendarInUse(message)


async def add_version(
    session: AsyncSession, principal: Principal, calendar: Calendar, body: CalendarVersionCreate
) -> CalendarVersion:
    """Raises `effective_date_in_past`, `effective_date_taken`, `unknown_time_zone`, `unknown_region`,
    `intervals_overlap`, `interval_empty`, `date_repeated`, `never_open`, `calendar_builtin`, `calendar_archived`,
    `too_many_versions`."""
    _require_changeable(calendar)
    versions = await queries.versions_of(session, calendar.id)
    if len(versions) >= MAX_VERSIONS:
        raise errors.TooManyVersions
    number = max(calendar.withdrawn_number, *(version.number for version in versions)) + 1
    version = await _add(session, principal, calendar, body, number=number)
    _touch(calendar)
    await _record_version(session, principal, calendar, events.CalendarVersionAdded, version)
    return version


async def import_days(
    session: AsyncSession, principal: Principal, calendar: Calendar, body: DayImport
) -> CalendarVersion:
    """A new version of the hours in force, with these days closed. Raises `invalid_icalendar`, `no_closed_days` and
    `too_many_days`, and what `add_version` does."""
    _require_changeable(calendar)
    versions = await queries.versions_of(session, calendar.id)
    at = body.effective_from or clock.now()
    held = queries.version_at(versions, at)
    year = clock.now().year
    first, last = date(year - YEARS_BACK, 1, 1), date(year + YEARS_AHEAD, 12, 31)
    # Seconds of a core at the worst, which no other request shall wait for.
    closed = await asyncio.to_thread(all_day_events, body.icalendar, first, last, limit=MAX_DAYS)
    days = {day["date"]: day for day in held.days}
    if not {day.isoformat() for day in closed} - days.keys():
        raise errors.NoClosedDays(pointer="#/icalendar")
    for day, name in closed.items():
        days.setdefault(day.isoformat(), {"date": day.isoformat(), "name": name, "hours": []})
    if len(days) > MAX_DAYS:
        raise errors.TooManyDays(pointer="#/icalendar")
    hours = CalendarVersionCreate.model_validate(
        {
            "time_zone": held.time_zone,
            "weekly_hours": held.weekly_hours,
            "holiday_regions": held.holiday_regions,
            "effective_from": body.effective_from,
        }
    )
    hours.days = [_kept(day) for day in days.values()]
    return await add_version(session, principal, calendar, hours)


def _kept(day: Mapping[str, Any]) -> CalendarDay:
    """Whatever its year: nobody gives it now who could be told of it."""
    hours = [OpeningHours.model_validate(hours) for hours in day["hours"]]
    return CalendarDay.model_construct(date=date.fromisoformat(day["date"]), name=day["name"], hours=hours)


async def withdraw_version(
    session: AsyncSession, principal: Principal, calendar: Calendar, version: CalendarVersion
) -> None:
    """Raises `calendar_version_in_force` once its instant has come."""
    if version.effective_from <= clock.now() or version.number == 1:
        raise errors.CalendarVersionInForce
    await session.delete(version)
    calendar.withdrawn_number = max(calendar.withdrawn_number, version.number)
    _touch(calendar)
    await _record_version(session, principal, calendar, events.CalendarVersionWithdrawn, version)


async def _add(
    session: AsyncSession, principal: Principal, calendar: Calendar, body: CalendarVersionCreate, *, number: int
) -> CalendarVersion:
    if body.effective_from is not None and body.effective_from < clock.now():
        raise errors.EffectiveDateInPast(pointer="#/effective_from")
    _check_hours(body)
    regions = [(region.country, region.subdivision) for region in body.holiday_regions]
    # A second of a core at the worst, which no other request shall wait for.
    holidays = await asyncio.to_thread(public_holidays, regions, clock.now().year)
    # As late as can be: others do not know of it before it is committed.
    now = clock.now()
    version = CalendarVersion(
        calendar_id=calendar.id,
        number=number,
        effective_from=body.effective_from or now,
        time_zone=body.time_zone,
        weekly_hours=[hours.model_dump(mode="json") for hours in body.weekly_hours],
        holiday_regions=[region.model_dump(mode="json") for region in body.holiday_regions],
        holidays=[{"date": day.isoformat(), "name": name[:300]} for day, name in holidays.items()],
        days=[day.model_dump(mode="json") for day in sorted(body.days, key=lambda day: day.date)],
        created_by_id=principal.user_id,
        created_at=now,
    )
    session.add(version)
    await _flush_checked(session)
    return version


def _check_hours(body: CalendarVersionCreate) -> None:
    check_time_zone(body.time_zone)
    for place, region in enumerate(body.holiday_regions):
        if not is_known(region.country, region.subdivision):
            name = "country" if not is_known(region.country, None) else "subdivision"
            raise errors.UnknownRegion(pointer=f"#/holiday_regions/{place}/{name}")
    _check_week(body)
    seen: set[date] = set()
    for place, day in enumerate(body.days):
        if day.date in seen:
            raise errors.DateRepeated(pointer=f"#/days/{place}/date")
        seen.add(day.date)
        _check_intervals([_minutes(hours, f"#/days/{place}/hours/{n}") for n, hours in enumerate(day.hours)], place)
    if not body.weekly_hours and not any(day.hours for day in body.days):
        raise errors.NeverOpen(pointer="#/weekly_hours")


def _check_intervals(intervals: Sequence[tuple[int, int]], place: int) -> None:
    if overlaps(intervals):
        raise errors.IntervalsOverlap(pointer=f"#/days/{place}/hours")


def _check_week(body: CalendarVersionCreate) -> None:
    """The week is a circle: what reaches beyond Sunday night meets Monday."""
    order = {day: place for place, day in enumerate(type(body.weekly_hours[0].day))} if body.weekly_hours else {}
    laid: list[tuple[int, int]] = []
    for place, hours in enumerate(body.weekly_hours):
        start, end = _minutes(hours, f"#/weekly_hours/{place}")
        base = order[hours.day] * DAY_MINUTES
        mine = [(base + start, base + end)]
        if base + end > _WEEK_MINUTES:
            mine = [(base + start, _WEEK_MINUTES), (0, base + end - _WEEK_MINUTES)]
        if overlaps([*laid, *mine]):
            raise errors.IntervalsOverlap(pointer=f"#/weekly_hours/{place}")
        laid += mine


def _minutes(hours: OpeningHours, pointer: str) -> tuple[int, int]:
    if hours.opens == hours.closes:
        raise errors.IntervalEmpty(pointer=pointer)
    interval = queries.interval_of({"opens": hours.opens, "closes": hours.closes})
    return interval.start, interval.end


def _require_changeable(calendar: Calendar) -> None:
    if calendar.is_builtin:
        raise errors.CalendarBuiltIn
    if calendar.archived_at is not None:
        raise errors.CalendarArchived


def _touch(calendar: Calendar) -> None:
    calendar.version += 1
    calendar.updated_at = clock.now()


async def _record_version(
    session: AsyncSession,
    principal: Principal,
    calendar: Calendar,
    kind: type[events.CalendarEvent],
    version: CalendarVersion,
) -> None:
    data = {"number": version.number, "effective_from": instant_text(version.effective_from)}
    await _record(session, principal, calendar, kind, {}, data)
    # Due times that lie behind the change move at once, not when it comes.
    await enqueue_many(session, follow_jobs(clock.now(), since=version.effective_from))


async def _record(
    session: AsyncSession,
    principal: Principal,
    calendar: Calendar,
    kind: type[events.CalendarEvent],
    changes: Mapping[str, tuple[Any, Any]],
    data: Mapping[str, Any] | None = None,
) -> None:
    await invalidate(session, queries.CALENDARS)
    event = kind(
        subject_id=calendar.id,
        visibility=Visibility.INTERNAL,
        internal_changes=dict(changes),
        internal_data={"name": calendar.name, **(data or {})},
        entity=calendar,
    )
    await record(session, principal, event)


async def _flush_checked(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        constraint = str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", "") or "")
        if constraint == "uq_calendars_name":
            raise errors.CalendarNameTaken(pointer="#/name") from error
        if constraint == "uq_calendar_versions_effective_from":
            raise errors.EffectiveDateTaken(pointer="#/effective_from") from error
        raise
