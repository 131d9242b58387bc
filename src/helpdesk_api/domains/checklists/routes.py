"""Checklists over HTTP."""

from typing import Any

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import ChecklistItemId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.checklists import actions, errors, queries
from helpdesk_api.domains.checklists.schemas import (
    ChecklistItemCreate,
    ChecklistItemPage,
    ChecklistItemRead,
    ChecklistItemUpdate,
)
from helpdesk_api.domains.tickets.errors import CHANGE_ERRORS, ActionForbidden, TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep
from helpdesk_api.domains.tickets.seen import get_followed_work
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import UnknownReference, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(
    prefix="/v1/tickets/{ticket_id}/checklist-items",
    tags=["checklists"],
    about=(
        "What is to be done for a ticket, point by point, for those who work on it. While a required item is open "
        "the ticket is not resolved: `checklist_open`."
    ),
)
_READ = [requires(Permission.TICKETS_READ)]
_WRITE = [requires(Permission.TICKETS_WRITE)]


@router.get(
    "",
    operation_id="listChecklistItems",
    summary="Read a ticket's checklist",
    response_model=ChecklistItemPage,
    dependencies=_READ,
    responses=documents(TicketNotFound, ActionForbidden, InvalidCursor),
)
async def list_checklist_items(
    ticket_id: TicketKey, page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """In their order. A ticket into which others were merged has their items, too."""
    ticket = await get_followed_work(reads, principal, ticket_id)
    answer = await queries.list_items(reads, principal, ticket["id"], page)
    add_links(response, page, answer)
    return answer


@router.post(
    "",
    operation_id="addChecklistItem",
    summary="Add to a ticket's checklist",
    status_code=201,
    response_model=ChecklistItemRead,
    dependencies=_WRITE,
    responses=documents(*CHANGE_ERRORS, ActionForbidden, UnknownReference, errors.TooManyChecklistItems),
)
async def add_checklist_item(
    visible: VisibleTicketDep,
    body: ChecklistItemCreate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    response: Response,
) -> Any:
    """At its end, or where its position says."""
    item = await actions.add_item(session, database, principal, visible.ticket, body)
    ticket_id, item_id = public_id("tkt", item.ticket_id), public_id("chk", item.id)
    response.headers["Location"] = f"/v1/tickets/{ticket_id}/checklist-items/{item_id}"
    set_etag(response, etag_of(item.version))
    return queries.shown(principal, item)


@router.get(
    "/{checklist_item_id}",
    operation_id="getChecklistItem",
    summary="Read an item",
    response_model=ChecklistItemRead,
    dependencies=_READ,
    responses=documents(TicketNotFound, ActionForbidden, errors.ChecklistItemNotFound),
)
async def get_checklist_item(
    ticket_id: TicketKey,
    checklist_item_id: ChecklistItemId,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
) -> Any:
    """One thing to be done."""
    ticket = await get_followed_work(reads, principal, ticket_id)
    row = await queries.get_item(reads, ticket["id"], checklist_item_id)
    set_etag(response, etag_of(row["version"]))
    return queries.shown(principal, row)


@router.patch(
    "/{checklist_item_id}",
    operation_id="updateChecklistItem",
    summary="Tick or change an item",
    response_model=ChecklistItemRead,
    dependencies=_WRITE,
    responses=documents(*CHANGE_ERRORS, ActionForbidden, UnknownReference, errors.ChecklistItemNotFound),
)
async def update_checklist_item(
    visible: VisibleTicketDep,
    checklist_item_id: ChecklistItemId,
    body: ChecklistItemUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """`is_done` keeps who did it first, and when."""
    ticket = visible.ticket
    actions.require_work(principal, ticket)
    item = await queries.lock_item(session, ticket.id, checklist_item_id)
    if_match.check(etag_of(item.version))
    await actions.update_item(session, database, principal, ticket, item, body)
    set_etag(response, etag_of(item.version))
    return queries.shown(principal, item)


@router.delete(
    "/{checklist_item_id}",
    operation_id="removeChecklistItem",
    summary="Remove an item",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(*CHANGE_ERRORS, ActionForbidden, errors.ChecklistItemNotFound),
)
async def remove_checklist_item(
    visible: VisibleTicketDep,
    checklist_item_id: ChecklistItemId,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
) -> None:
    """The history keeps that it was there."""
    ticket = visible.ticket
    actions.require_work(principal, ticket)
    item = await queries.lock_item(session, ticket.id, checklist_item_id)
    if_match.check(etag_of(item.version))
    await actions.remove_item(session, principal, ticket, item)
