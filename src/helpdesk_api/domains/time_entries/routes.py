"""Time over HTTP."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import TimeEntryId, public_id
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.tickets.errors import CHANGE_ERRORS, ActionForbidden, TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep
from helpdesk_api.domains.tickets.seen import get_followed_work
from helpdesk_api.domains.time_entries import actions, errors, queries
from helpdesk_api.domains.time_entries.models import TimeEntry
from helpdesk_api.domains.time_entries.schemas import (
    TicketTimePage,
    TimeEntryCreate,
    TimeEntryPage,
    TimeEntryRead,
    TimeEntryUpdate,
    TimeRatesRead,
    TimeRatesUpdate,
    TimerStart,
    TimerStop,
)
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import PreconditionRequired, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

ticket_router = ApiRouter(
    prefix="/v1/tickets/{ticket_id}/time-entries",
    tags=["time-entries"],
    about=(
        "Time spent on tickets and what it costs, for those who work on them; requesters never see it. Durations are "
        "seconds, money is whole minor units of a currency, by the rate at the time of the entry."
    ),
)
router = ApiRouter(prefix="/v1/time-entries", tags=["time-entries"])
rates_router = ApiRouter(prefix="/v1/time-rates", tags=["time-entries"])
_READ = [requires(Permission.TICKETS_READ)]
_WRITE = [requires(Permission.TICKETS_WRITE)]
_CONFIGURE = [requires(Permission.CONFIGURATION_WRITE)]


def _made(principal: PrincipalDep, entry: TimeEntry, response: Response) -> dict[str, Any]:
    ticket_id, entry_id = public_id("tkt", entry.ticket_id), public_id("tim", entry.id)
    response.headers["Location"] = f"/v1/tickets/{ticket_id}/time-entries/{entry_id}"
    set_etag(response, etag_of(entry.version))
    return queries.shown(principal, entry)


@ticket_router.get(
    "",
    operation_id="listTicketTimeEntries",
    summary="List the time spent on a ticket",
    response_model=TicketTimePage,
    dependencies=_READ,
    responses=documents(TicketNotFound, ActionForbidden, InvalidCursor),
)
async def list_ticket_time_entries(
    ticket_id: TicketKey, page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """Everybody's, newest first, with the sum of all."""
    ticket = await get_followed_work(reads, principal, ticket_id)
    answer = await queries.list_entries(reads, principal, ticket["id"], page)
    add_links(response, page, answer)
    return answer


@ticket_router.post(
    "",
    operation_id="addTimeEntry",
    summary="Enter time",
    status_code=201,
    response_model=TimeEntryRead,
    dependencies=_WRITE,
    responses=documents(*CHANGE_ERRORS, ActionForbidden, errors.WorkInFuture),
)
async def add_time_entry(
    visible: VisibleTicketDep, body: TimeEntryCreate, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """One's own, after the fact."""
    return _made(principal, await actions.add_entry(session, principal, visible.ticket, body), response)


@ticket_router.post(
    "/start",
    operation_id="startTimer",
    summary="Start one's timer",
    status_code=201,
    response_model=TimeEntryRead,
    dependencies=_WRITE,
    responses=documents(*CHANGE_ERRORS, ActionForbidden, errors.TimerRunning),
    openapi_extra={"x-etag": True},
)
async def start_timer(
    visible: VisibleTicketDep, body: TimerStart, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """One at a time: `params.time_entry_id` of `timer_running` is the one that runs."""
    return _made(principal, await actions.start_timer(session, principal, visible.ticket, body), response)


@ticket_router.get(
    "/{time_entry_id}",
    operation_id="getTimeEntry",
    summary="Read a time entry",
    response_model=TimeEntryRead,
    dependencies=_READ,
    responses=documents(TicketNotFound, ActionForbidden, errors.TimeEntryNotFound),
)
async def get_time_entry(
    ticket_id: TicketKey,
    time_entry_id: TimeEntryId,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
) -> Any:
    """By whoever works on the ticket."""
    ticket = await get_followed_work(reads, principal, ticket_id)
    row = await queries.get_entry(reads, ticket["id"], time_entry_id)
    set_etag(response, etag_of(row["version"], audience=_audience(principal, row["user_id"])))
    return queries.shown(principal, row)


def _audience(principal: PrincipalDep, user_id: Any) -> str:
    """What may be done with it is part of it."""
    return "v" if queries.may_change(principal, user_id) else "r"


@ticket_router.post(
    "/{time_entry_id}/stop",
    operation_id="stopTimer",
    summary="Stop a timer",
    response_model=TimeEntryRead,
    dependencies=_WRITE,
    responses=documents(
        *CHANGE_ERRORS, ActionForbidden, errors.TimeEntryNotFound, errors.TimeEntryForbidden, errors.TimerNotRunning
    ),
    openapi_extra={"x-etag": True},
)
async def stop_timer(
    visible: VisibleTicketDep,
    time_entry_id: TimeEntryId,
    body: TimerStop,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """One that was forgotten counts as a day."""
    del body
    ticket = visible.ticket
    actions.require_work(principal, ticket)
    entry = await queries.lock_entry(session, ticket.id, time_entry_id)
    if_match.check(etag_of(entry.version))
    await actions.stop_timer(session, principal, ticket, entry)
    set_etag(response, etag_of(entry.version))
    return queries.shown(principal, entry)


@ticket_router.patch(
    "/{time_entry_id}",
    operation_id="updateTimeEntry",
    summary="Correct a time entry",
    response_model=TimeEntryRead,
    dependencies=_WRITE,
    responses=documents(
        *CHANGE_ERRORS,
        ActionForbidden,
        errors.TimeEntryNotFound,
        errors.TimeEntryForbidden,
        errors.TimerStillRunning,
        errors.WorkInFuture,
    ),
)
async def update_time_entry(
    visible: VisibleTicketDep,
    time_entry_id: TimeEntryId,
    body: TimeEntryUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """By whoever made it, or who administers tickets."""
    ticket = visible.ticket
    actions.require_work(principal, ticket)
    entry = await queries.lock_entry(session, ticket.id, time_entry_id)
    if_match.check(etag_of(entry.version))
    await actions.update_entry(session, principal, ticket, entry, body)
    set_etag(response, etag_of(entry.version))
    return queries.shown(principal, entry)


@ticket_router.delete(
    "/{time_entry_id}",
    operation_id="removeTimeEntry",
    summary="Remove a time entry",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(*CHANGE_ERRORS, ActionForbidden, errors.TimeEntryNotFound, errors.TimeEntryForbidden),
)
async def remove_time_entry(
    visible: VisibleTicketDep,
    time_entry_id: TimeEntryId,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
) -> None:
    """By whoever made it, or who administers tickets; the history keeps that it was there."""
    ticket = visible.ticket
    actions.require_work(principal, ticket)
    entry = await queries.lock_entry(session, ticket.id, time_entry_id)
    if_match.check(etag_of(entry.version))
    await actions.remove_entry(session, principal, ticket, entry)


@router.get(
    "",
    operation_id="listTimeEntries",
    summary="List one's time",
    response_model=TimeEntryPage,
    dependencies=_READ,
    responses=documents(InvalidCursor),
)
async def list_time_entries(
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
    is_running: Annotated[bool | None, Query(description="Only the running timer, or only what was measured.")] = None,
) -> Any:
    """Of all tickets on which the caller still works, newest first."""
    answer = await queries.list_own(reads, principal, page, is_running=is_running)
    add_links(response, page, answer)
    return answer


@rates_router.get(
    "",
    operation_id="getTimeRates",
    summary="Read what an hour costs",
    response_model=TimeRatesRead,
    dependencies=_CONFIGURE,
    openapi_extra={"x-etag": True},
)
async def get_time_rates(session: SessionDep, response: Response) -> Any:
    """For administrators alone: a rate says something of its person."""
    rates = await queries.read_rates(session)
    set_etag(response, etag_of(rates.version if rates is not None else 0))
    return queries.shown_rates(rates)


@rates_router.put(
    "",
    operation_id="replaceTimeRates",
    summary="Set what an hour costs",
    response_model=TimeRatesRead,
    dependencies=_CONFIGURE,
    responses=documents(PreconditionRequired, errors.TimeRateRepeated),
    openapi_extra={"x-etag": True},
)
async def replace_time_rates(
    body: TimeRatesUpdate, principal: PrincipalDep, session: SessionDep, response: Response, if_match: IfMatchDep
) -> Any:
    """All of them at once, `If-Match` required. Entries that are there keep their rate."""
    rates = await actions.replace_rates(session, principal, body, if_match)
    set_etag(response, etag_of(rates.version))
    return queries.shown_rates(rates)


ROUTERS = (ticket_router, router, rates_router)
