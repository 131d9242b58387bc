"""Canned responses over HTTP."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import CannedResponseId, CategoryId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.canned_responses import actions, errors, queries
from helpdesk_api.domains.canned_responses.schemas import (
    CannedResponseCreate,
    CannedResponsePage,
    CannedResponseRead,
    CannedResponseUpdate,
    RenderedText,
    TextRender,
)
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.domains.tickets.sharing import SharingForbidden, SharingTeamRequired
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import UnknownReference, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.placeholders import InvalidTemplate, TemplateLimitReached
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(
    prefix="/v1/canned-responses",
    tags=["canned-responses"],
    about=(
        "Texts that are said again and again. Placeholders are Liquid, with public fields of the ticket alone, and "
        "checked when the text is saved; loops and growth end at a limit."
    ),
)
_READ = [requires(Permission.TICKETS_READ)]
_WRITE = [requires(Permission.TICKETS_WRITE)]


@router.get(
    "",
    operation_id="listCannedResponses",
    summary="List canned responses",
    response_model=CannedResponsePage,
    dependencies=_READ,
    responses=documents(InvalidCursor),
)
async def list_canned_responses(
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
    category_id: Annotated[
        CategoryId | None, Query(description="Those for tickets of this category, and those for all.")
    ] = None,
) -> Any:
    """The caller's own, their teams', and the shared ones; by title. Requesters have none."""
    answer = await queries.list_responses(reads, principal, page, category_id=category_id)
    add_links(response, page, answer)
    return answer


@router.post(
    "",
    operation_id="createCannedResponse",
    summary="Save a canned response",
    status_code=201,
    response_model=CannedResponseRead,
    dependencies=_WRITE,
    responses=documents(
        SharingForbidden, SharingTeamRequired, UnknownReference, InvalidTemplate, errors.TooManyCannedResponses
    ),
)
async def create_canned_response(
    body: CannedResponseCreate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    response: Response,
) -> Any:
    """A personal one by any of the staff, a team's by its supervisors, a shared one by administrators. A placeholder
    that is not offered is refused with its line and column."""
    made = await actions.create_response(session, database, principal, body)
    response.headers["Location"] = f"/v1/canned-responses/{public_id('can', made.id)}"
    set_etag(response, etag_of(made.version))
    return queries.shown(principal, made)


@router.get(
    "/{canned_response_id}",
    operation_id="getCannedResponse",
    summary="Read a canned response",
    response_model=CannedResponseRead,
    dependencies=_READ,
    responses=documents(errors.CannedResponseNotFound),
)
async def get_canned_response(
    canned_response_id: CannedResponseId, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """As it was written."""
    row = await queries.get_response(reads, principal, canned_response_id)
    set_etag(response, etag_of(row["version"]))
    return queries.shown(principal, row)


@router.patch(
    "/{canned_response_id}",
    operation_id="updateCannedResponse",
    summary="Change a canned response",
    response_model=CannedResponseRead,
    dependencies=_WRITE,
    responses=documents(errors.CannedResponseNotFound, SharingForbidden, UnknownReference, InvalidTemplate),
)
async def update_canned_response(
    canned_response_id: CannedResponseId,
    body: CannedResponseUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """By whoever looks after it."""
    held = await queries.lock_response(session, principal, canned_response_id)
    if_match.check(etag_of(held.version))
    await actions.update_response(session, database, principal, held, body)
    set_etag(response, etag_of(held.version))
    return queries.shown(principal, held)


@router.delete(
    "/{canned_response_id}",
    operation_id="deleteCannedResponse",
    summary="Delete a canned response",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(errors.CannedResponseNotFound, SharingForbidden),
)
async def delete_canned_response(
    canned_response_id: CannedResponseId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """By whoever looks after it; what was said with it stays said."""
    held = await queries.lock_response(session, principal, canned_response_id)
    if_match.check(etag_of(held.version))
    await actions.delete_response(session, principal, held)


@router.post(
    "/{canned_response_id}/render",
    operation_id="renderCannedResponse",
    summary="Fill in a canned response",
    response_model=RenderedText,
    dependencies=_WRITE,
    responses=documents(errors.CannedResponseNotFound, TicketNotFound, InvalidTemplate, TemplateLimitReached),
)
async def render_canned_response(
    canned_response_id: CannedResponseId, body: TextRender, principal: PrincipalDep, session: SessionDep
) -> Any:
    """For a ticket that the caller sees; says nothing and changes nothing."""
    return await actions.render_response(session, principal, canned_response_id, body.ticket_id)
