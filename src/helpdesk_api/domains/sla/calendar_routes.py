"""Calendars over HTTP."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Path, Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import CalendarId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.sla import calendar_actions as actions
from helpdesk_api.domains.sla import calendar_queries as queries
from helpdesk_api.domains.sla import errors
from helpdesk_api.domains.sla.calendar_models import Calendar, CalendarVersion
from helpdesk_api.domains.sla.calendar_schemas import (
    CalendarCreate,
    CalendarPage,
    CalendarRead,
    CalendarUpdate,
    CalendarVersionCreate,
    CalendarVersionPage,
    CalendarVersionRead,
    DayImport,
    DeadlineRead,
    WorkingTimeRead,
)
from helpdesk_api.domains.sla.rules import LONGEST_ASKED
from helpdesk_api.domains.users.errors import UnknownTimeZone
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import PreconditionFailed, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter
from helpdesk_api.web.schemas import RequestInstant

router = ApiRouter(prefix="/v1/calendars", tags=["calendars"], about="Opening hours that service levels count in.")
_READ = [requires(Permission.CONFIGURATION_READ)]
_WRITE = [requires(Permission.CONFIGURATION_WRITE)]
_HOURS_ERRORS = (
    errors.EffectiveDateInPast,
    errors.EffectiveDateTaken,
    UnknownTimeZone,
    errors.UnknownRegion,
    errors.IntervalsOverlap,
    errors.IntervalEmpty,
    errors.DateRepeated,
    errors.NeverOpen,
)
_CHANGE_ERRORS = (errors.CalendarNotFound, errors.CalendarBuiltIn, errors.CalendarArchived)
From = Annotated[RequestInstant, Query(alias="from", description="Inclusive.")]
VersionNumber = Annotated[int, Path(ge=1, le=2_147_483_647)]


def _shown(calendar: Calendar, versions: list[CalendarVersion], response: Response) -> dict[str, Any]:
    set_etag(response, etag_of(calendar.version))
    head = {column.key: getattr(calendar, column.key) for column in queries.SUMMARY}
    return queries.shown_calendar(head, [queries.columns_of(version) for version in versions])


@router.get(
    "",
    operation_id="listCalendars",
    summary="List calendars",
    response_model=CalendarPage,
    dependencies=_READ,
    responses=documents(InvalidCursor),
)
async def list_calendars(
    page: PageDep,
    reads: ReadSessionDep,
    response: Response,
    archived: Annotated[bool | None, Query(description="Only archived ones, or only the others.")] = None,
) -> Any:
    """By name."""
    found = await queries.list_calendars(reads, page, archived=archived)
    add_links(response, page, found)
    return found


@router.post(
    "",
    operation_id="createCalendar",
    summary="Create a calendar",
    status_code=201,
    response_model=CalendarRead,
    dependencies=_WRITE,
    responses=documents(errors.CalendarNameTaken, *_HOURS_ERRORS),
)
async def create_calendar(
    body: CalendarCreate, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """Its first version also holds for what lies before it, so that the past of an import can be counted."""
    calendar = await actions.create_calendar(session, principal, body)
    response.headers["Location"] = f"/v1/calendars/{public_id('cal', calendar.id)}"
    return _shown(calendar, await queries.versions_of(session, calendar.id), response)


@router.get(
    "/{calendar_id}",
    operation_id="getCalendar",
    summary="Read a calendar",
    response_model=CalendarRead,
    dependencies=_READ,
    responses=documents(errors.CalendarNotFound),
)
async def get_calendar(calendar_id: CalendarId, reads: ReadSessionDep, response: Response) -> Any:
    """With the version that is in force now."""
    found = await queries.get_calendar(reads, calendar_id)
    set_etag(response, etag_of(found.pop("version")))
    return found


@router.patch(
    "/{calendar_id}",
    operation_id="updateCalendar",
    summary="Rename a calendar",
    response_model=CalendarRead,
    dependencies=_WRITE,
    responses=documents(*_CHANGE_ERRORS, errors.CalendarNameTaken, PreconditionFailed),
)
async def update_calendar(
    calendar_id: CalendarId,
    body: CalendarUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """Hours are changed by adding a version."""
    calendar = await queries.lock_calendar(session, calendar_id)
    if_match.check(etag_of(calendar.version))
    await actions.rename_calendar(session, principal, calendar, body.name)
    return _shown(calendar, await queries.versions_of(session, calendar_id), response)


@router.delete(
    "/{calendar_id}",
    operation_id="archiveCalendar",
    summary="Archive a calendar",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(errors.CalendarNotFound, errors.CalendarBuiltIn, errors.CalendarInUse, PreconditionFailed),
)
async def archive_calendar(
    calendar_id: CalendarId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """What was counted in it stays counted and explained; no new policy can take it."""
    calendar = await queries.lock_calendar(session, calendar_id)
    if_match.check(etag_of(calendar.version))
    await actions.archive_calendar(session, principal, calendar)


@router.get(
    "/{calendar_id}/versions",
    operation_id="listCalendarVersions",
    summary="List a calendar's versions",
    response_model=CalendarVersionPage,
    dependencies=_READ,
    responses=documents(errors.CalendarNotFound, InvalidCursor),
)
async def list_versions(calendar_id: CalendarId, page: PageDep, reads: ReadSessionDep, response: Response) -> Any:
    """Newest first."""
    found = await queries.list_versions(reads, calendar_id, page)
    add_links(response, page, found)
    return found


@router.post(
    "/{calendar_id}/versions",
    operation_id="addCalendarVersion",
    summary="Change a calendar's hours",
    status_code=201,
    response_model=CalendarVersionRead,
    dependencies=_WRITE,
    responses=documents(*_CHANGE_ERRORS, *_HOURS_ERRORS, errors.TooManyVersions),
)
async def add_version(
    calendar_id: CalendarId,
    body: CalendarVersionCreate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
) -> Any:
    """Time already used stays; the rest counts on the new hours from their instant on."""
    calendar = await queries.lock_calendar(session, calendar_id)
    version = await actions.add_version(session, principal, calendar, body)
    response.headers["Location"] = _path(version)
    # A version is never changed.
    set_etag(response, etag_of(version.number))
    return queries.columns_of(version)


def _path(version: CalendarVersion) -> str:
    return f"/v1/calendars/{public_id('cal', version.calendar_id)}/versions/{version.number}"


@router.get(
    "/{calendar_id}/versions/{number}",
    operation_id="getCalendarVersion",
    summary="Read a version of a calendar",
    response_model=CalendarVersionRead,
    dependencies=_READ,
    responses=documents(errors.CalendarNotFound, errors.CalendarVersionNotFound),
)
async def get_version(calendar_id: CalendarId, number: VersionNumber, reads: ReadSessionDep, response: Response) -> Any:
    """As clocks and explanations name it."""
    set_etag(response, etag_of(number))
    return await queries.get_version(reads, calendar_id, number)


@router.delete(
    "/{calendar_id}/versions/{number}",
    operation_id="withdrawCalendarVersion",
    summary="Withdraw a version that is not yet in force",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(
        errors.CalendarNotFound, errors.CalendarVersionNotFound, errors.CalendarVersionInForce, PreconditionFailed
    ),
)
async def withdraw_version(
    calendar_id: CalendarId, number: VersionNumber, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """Its instant must still lie ahead."""
    calendar = await queries.lock_calendar(session, calendar_id)
    version = await queries.version_of(session, calendar_id, number)
    if_match.check(etag_of(number))
    await actions.withdraw_version(session, principal, calendar, version)


@router.post(
    "/{calendar_id}/day-imports",
    operation_id="importCalendarDays",
    summary="Take closed days from an iCalendar file",
    status_code=201,
    response_model=CalendarVersionRead,
    dependencies=_WRITE,
    responses=documents(
        *_CHANGE_ERRORS,
        *_HOURS_ERRORS,
        errors.InvalidICalendar,
        errors.NoClosedDays,
        errors.TooManyDays,
        errors.TooManyVersions,
    ),
)
async def import_days(
    calendar_id: CalendarId, body: DayImport, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """All-day events, recurring ones laid out, become closed days of a new version; days given before stay."""
    calendar = await queries.lock_calendar(session, calendar_id)
    version = await actions.import_days(session, principal, calendar, body)
    response.headers["Location"] = _path(version)
    return queries.columns_of(version)


@router.get(
    "/{calendar_id}/working-time",
    operation_id="getWorkingTime",
    summary="Count working time between two instants",
    response_model=WorkingTimeRead,
    dependencies=_READ,
    responses=documents(errors.CalendarNotFound, errors.SpanTooLong),
)
async def working_time(
    calendar_id: CalendarId,
    database: DatabaseDep,
    start: From,
    to: Annotated[RequestInstant, Query(description="Exclusive; not after `from` gives zero.")],
) -> Any:
    """Each part under the version that is in force then; exact to the microsecond, also where clocks change."""
    timeline = await queries.timeline(database, calendar_id)
    if to - start > LONGEST_ASKED:
        raise errors.SpanTooLong(parameter="to")
    return {
        "from": start,
        "to": to,
        "working_seconds": timeline.between(start, to).total_seconds(),
        "calendar_seconds": max(0.0, (to - start).total_seconds()),
    }


@router.get(
    "/{calendar_id}/working-time/add",
    operation_id="addWorkingTime",
    summary="Find the instant by which so much working time has passed",
    response_model=DeadlineRead,
    dependencies=_READ,
    responses=documents(errors.CalendarNotFound, errors.NoWorkingTimeLeft),
)
async def add_working_time(
    calendar_id: CalendarId,
    database: DatabaseDep,
    start: From,
    seconds: Annotated[int, Query(ge=0, le=315_360_000, description="Working time; at most ten years.")],
) -> Any:
    """The end of a working day, not the beginning of the next, when the time is used up there."""
    timeline = await queries.timeline(database, calendar_id)
    at = timeline.add(start, timedelta(seconds=seconds))
    if at is None:
        raise errors.NoWorkingTimeLeft(parameter="seconds")
    return {"from": start, "seconds": seconds, "at": at}
