"""Reads of calendars, and the timelines that clocks count in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.cache import InvalidatedCache
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.sla.calendar_models import Calendar, CalendarVersion
from helpdesk_api.domains.sla.calendar_schemas import Weekday
from helpdesk_api.domains.sla.errors import CalendarNotFound, CalendarVersionNotFound
from helpdesk_api.domains.sla.rules import DAY_MINUTES, DayInterval, Hours, Timeline
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

CALENDARS = "calendars"
SUMMARY = (
    Calendar.id,
    Calendar.name,
    Calendar.is_builtin,
    Calendar.archived_at,
    Calendar.created_at,
    Calendar.updated_at,
)
_VERSION = (
    CalendarVersion.number,
    CalendarVersion.effective_from,
    CalendarVersion.time_zone,
    CalendarVersion.weekly_hours,
    CalendarVersion.holiday_regions,
    CalendarVersion.holidays,
    CalendarVersion.days,
    CalendarVersion.created_by_id,
    CalendarVersion.created_at,
)


@dataclass(frozen=True, slots=True)
class PublishedHours:
    """A version as a timeline takes it."""

    number: int
    effective_from: datetime
    hours: Hours


def interval_of(hours: Mapping[str, Any]) -> DayInterval:
    """`{opens, closes}` as minutes after local midnight; an end that is not after the start lies in the next day."""
    start, end = _minutes(hours["opens"]), _minutes(hours["closes"])
    return DayInterval(start, end if end > start else end + DAY_MINUTES)


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def hours_from(version: Mapping[str, Any]) -> Hours:
    """A stored version as the rules take it: own days win over holidays, and these over the week."""
    week = tuple(
        tuple(sorted(interval_of(hours) for hours in version["weekly_hours"] if hours["day"] == day.value))
        for day in Weekday
    )
    days: dict[date, tuple[DayInterval, ...]] = {
        date.fromisoformat(holiday["date"]): () for holiday in version["holidays"]
    }
    for day in version["days"]:
        days[date.fromisoformat(day["date"])] = tuple(sorted(interval_of(hours) for hours in day["hours"]))
    return Hours(version["time_zone"], week, days)


async def _load_timelines(reads: ReadSession, key: str) -> dict[UUID, Timeline]:
    del key
    found: dict[UUID, list[PublishedHours]] = {}
    for row in await reads.fetch(select(CalendarVersion.calendar_id, *_VERSION)):
        hours = PublishedHours(row["number"], row["effective_from"], hours_from(row))
        found.setdefault(row["calendar_id"], []).append(hours)
    return {calendar_id: Timeline(versions) for calendar_id, versions in found.items()}


_timelines: InvalidatedCache[dict[UUID, Timeline]] = InvalidatedCache(CALENDARS, _load_timelines)


async def timelines(database: Database) -> Mapping[UUID, Timeline]:
    """Every calendar through all its versions, archived ones included: clocks may still count in them."""
    return await _timelines.get(database)


async def timelines_by(reads: ReadSession) -> Mapping[UUID, Timeline]:
    """The same for whoever reads already. Read after what counts in them, which may be newer than they are."""
    return await _timelines.get_by(reads)


async def timelines_within(session: AsyncSession) -> Mapping[UUID, Timeline]:
    return await _timelines.get_within(session)


async def timeline(database: Database, calendar_id: UUID) -> Timeline:
    """Raises `calendar_not_found`."""
    found = (await timelines(database)).get(calendar_id)
    if found is None:
        raise CalendarNotFound
    return found


async def list_calendars(reads: ReadSession, page: PageRequest, *, archived: bool | None) -> dict[str, Any]:
    """By name and id."""
    statement = select(*SUMMARY)
    if archived is not None:
        gone = Calendar.archived_at.is_not(None)
        statement = statement.where(gone if archived else ~gone)
    keys = (SortKey("name", Calendar.name, str), SortKey("id", Calendar.id, UUID))
    return await page_of(reads, statement, keys, page)


async def get_calendar(reads: ReadSession, calendar_id: UUID) -> dict[str, Any]:
    """With its version in force. Raises `calendar_not_found`."""
    row = await reads.fetch_one(select(*SUMMARY, Calendar.version).where(Calendar.id == calendar_id))
    if row is None:
        raise CalendarNotFound
    versions = await reads.fetch(select(*_VERSION).where(CalendarVersion.calendar_id == calendar_id))
    return shown_calendar(dict(row), [dict(version) for version in versions])


def shown_calendar(calendar: dict[str, Any], versions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    now = clock.now()
    current = max(versions, key=lambda version: _precedence(version["number"], version["effective_from"], now))
    return {**calendar, "current": current, "versions": sorted(version["number"] for version in versions)}


def version_at(versions: Sequence[CalendarVersion], at: datetime) -> CalendarVersion:
    return max(versions, key=lambda version: _precedence(version.number, version.effective_from, at))


def _precedence(number: int, effective_from: datetime, at: datetime) -> tuple[bool, bool, datetime]:
    """The last one that has come is in force, and version 1 until another comes."""
    return (number != 1 and effective_from <= at, number == 1, effective_from)


async def list_versions(reads: ReadSession, calendar_id: UUID, page: PageRequest) -> dict[str, Any]:
    """Newest first. Raises `calendar_not_found`."""
    if await reads.fetch_value(select(Calendar.id).where(Calendar.id == calendar_id)) is None:
        raise CalendarNotFound
    statement = select(*_VERSION).where(CalendarVersion.calendar_id == calendar_id)
    keys = (SortKey("number", CalendarVersion.number, int, descending=True),)
    return await page_of(reads, statement, keys, page)


async def get_version(reads: ReadSession, calendar_id: UUID, number: int) -> dict[str, Any]:
    """Raises `calendar_not_found` and `calendar_version_not_found`."""
    if await reads.fetch_value(select(Calendar.id).where(Calendar.id == calendar_id)) is None:
        raise CalendarNotFound
    of_calendar = (CalendarVersion.calendar_id == calendar_id, CalendarVersion.number == number)
    row = await reads.fetch_one(select(*_VERSION).where(*of_calendar))
    if row is None:
        raise CalendarVersionNotFound
    return dict(row)


async def lock_calendar(session: AsyncSession, calendar_id: UUID) -> Calendar:
    """The calendar, locked for a change. Raises `calendar_not_found`."""
    found = await session.get(Calendar, calendar_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise CalendarNotFound
    return found


async def versions_of(session: AsyncSession, calendar_id: UUID) -> list[CalendarVersion]:
    """In the order of their instants, for a calendar that is locked."""
    statement = select(CalendarVersion).where(CalendarVersion.calendar_id == calendar_id)
    return list((await session.execute(statement.order_by(CalendarVersion.effective_from))).scalars())


async def version_of(session: AsyncSession, calendar_id: UUID, number: int) -> CalendarVersion:
    """Raises `calendar_version_not_found`."""
    found = await session.get(CalendarVersion, (calendar_id, number))
    if found is None:
        raise CalendarVersionNotFound
    return found


def columns_of(version: CalendarVersion) -> dict[str, Any]:
    return {column.key: getattr(version, column.key) for column in _VERSION}
