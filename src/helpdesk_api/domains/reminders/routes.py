"""Reminders over HTTP."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import ReminderId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.reminders import actions, errors, queries
from helpdesk_api.domains.reminders.schemas import ReminderCreate, ReminderPage, ReminderRead, ReminderUpdate
from helpdesk_api.domains.tickets.errors import CHANGE_ERRORS, ActionForbidden, TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep
from helpdesk_api.domains.tickets.seen import get_followed_work
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import UnknownReference, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

ticket_router = ApiRouter(
    prefix="/v1/tickets/{ticket_id}/reminders",
    tags=["reminders"],
    about=(
        "Being told of a ticket again at a set time, by mail and in its history. The ticket itself does not change; "
        "to let it rest meanwhile, put it on hold with `resumes_at`."
    ),
)
router = ApiRouter(prefix="/v1/reminders", tags=["reminders"])
_READ = [requires(Permission.TICKETS_READ)]
_WRITE = [requires(Permission.TICKETS_WRITE)]


@ticket_router.get(
    "",
    operation_id="listTicketReminders",
    summary="List a ticket's reminders",
    response_model=ReminderPage,
    dependencies=_READ,
    responses=documents(TicketNotFound, ActionForbidden, InvalidCursor),
)
async def list_ticket_reminders(
    ticket_id: TicketKey, page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """Everybody's, for those who work on it."""
    ticket = await get_followed_work(reads, principal, ticket_id)
    answer = await queries.list_reminders(reads, principal, page, ticket_id=ticket["id"])
    add_links(response, page, answer)
    return answer


@ticket_router.post(
    "",
    operation_id="createTicketReminder",
    summary="Be reminded",
    status_code=201,
    response_model=ReminderRead,
    dependencies=_WRITE,
    responses=documents(
        *CHANGE_ERRORS, ActionForbidden, UnknownReference, errors.RemindInPast, errors.TooManyReminders
    ),
    openapi_extra={"x-etag": True},
)
async def create_reminder(
    visible: VisibleTicketDep,
    body: ReminderCreate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    response: Response,
) -> Any:
    """Oneself, or somebody else who works on it."""
    reminder = await actions.set_reminder(session, database, principal, visible.ticket, body)
    response.headers["Location"] = f"/v1/reminders/{public_id('rem', reminder.id)}"
    set_etag(response, etag_of(reminder.version))
    return reminder


@router.get(
    "",
    operation_id="listReminders",
    summary="List one's reminders",
    response_model=ReminderPage,
    dependencies=_READ,
    responses=documents(InvalidCursor),
)
async def list_reminders(
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
    is_due: Annotated[
        bool | None, Query(description="Only those that were told, or only those that are still to come.")
    ] = None,
) -> Any:
    """Of all tickets on which the caller still works."""
    answer = await queries.list_reminders(reads, principal, page, is_due=is_due)
    add_links(response, page, answer)
    return answer


@router.get(
    "/{reminder_id}",
    operation_id="getReminder",
    summary="Read a reminder",
    response_model=ReminderRead,
    dependencies=_READ,
    responses=documents(errors.ReminderNotFound),
)
async def get_reminder(
    reminder_id: ReminderId, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """One that tells the caller, or that they have set."""
    row = await queries.get_reminder(reads, principal, reminder_id)
    set_etag(response, etag_of(row["version"]))
    return dict(row)


@router.patch(
    "/{reminder_id}",
    operation_id="updateReminder",
    summary="Move a reminder",
    response_model=ReminderRead,
    dependencies=_WRITE,
    responses=documents(errors.ReminderNotFound, errors.RemindInPast),
)
async def update_reminder(
    reminder_id: ReminderId,
    body: ReminderUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """Also one that was told: it tells again."""
    reminder = await queries.lock_reminder(session, principal, reminder_id)
    if_match.check(etag_of(reminder.version))
    await actions.move_reminder(session, reminder, body)
    set_etag(response, etag_of(reminder.version))
    return reminder


@router.delete(
    "/{reminder_id}",
    operation_id="deleteReminder",
    summary="Forget a reminder",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(errors.ReminderNotFound),
)
async def delete_reminder(
    reminder_id: ReminderId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """One that tells the caller, or that they have set."""
    reminder = await queries.lock_reminder(session, principal, reminder_id)
    if_match.check(etag_of(reminder.version))
    await session.delete(reminder)


ROUTERS = (ticket_router, router)
