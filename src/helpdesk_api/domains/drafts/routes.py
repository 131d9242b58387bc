"""Drafts over HTTP."""

from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import DraftId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.comments.errors import MentionCannotRead
from helpdesk_api.domains.comments.routes import receipt
from helpdesk_api.domains.comments.schemas import CommentReceipt
from helpdesk_api.domains.drafts import actions, errors, queries
from helpdesk_api.domains.drafts.models import Draft
from helpdesk_api.domains.drafts.schemas import DraftCreate, DraftPage, DraftRead, DraftUpdate
from helpdesk_api.domains.tickets.errors import (
    CHANGE_ERRORS,
    ActionForbidden,
    AttachmentNotUsable,
    TicketMerged,
    TicketNotFound,
)
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep
from helpdesk_api.domains.tickets.seen import DraftedTicketDep, get_followed_work
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.markdown import TooLongAsHtml
from helpdesk_api.web.preconditions import IfMatch, IfMatchDep, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(
    prefix="/v1/tickets/{ticket_id}/drafts",
    tags=["drafts"],
    about="Replies that are not sent yet, one's own or shared with all who work on the ticket.",
)
_READ = [requires(Permission.TICKETS_READ)]
_WRITE = [requires(Permission.TICKETS_WRITE)]
_ERRORS = (TicketNotFound, ActionForbidden)
_ONE = (*_ERRORS, errors.DraftNotFound)


@router.get(
    "",
    operation_id="listTicketDrafts",
    summary="List drafts",
    response_model=DraftPage,
    dependencies=_READ,
    responses=documents(*_ERRORS, InvalidCursor),
)
async def list_drafts(
    ticket_id: TicketKey, page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """The caller's own and the shared ones, newest first."""
    ticket = await get_followed_work(reads, principal, ticket_id)
    answer = await queries.list_drafts(reads, principal, ticket["id"], page)
    add_links(response, page, answer)
    return answer


async def _written(session: SessionDep, principal: Principal, draft: Draft, response: Response) -> Any:
    await session.flush()
    row = await queries.get_draft(await statements_of(session), principal, draft.ticket_id, draft.id)
    set_etag(response, queries.etag(row))
    return dict(row)


async def _lock(session: SessionDep, principal: Principal, ticket_id: UUID, draft_id: UUID, if_match: IfMatch) -> Draft:
    draft = await queries.lock_draft(session, principal, ticket_id, draft_id)
    row = await queries.get_draft(await statements_of(session), principal, ticket_id, draft_id)
    if_match.check(queries.etag(row))
    return draft


@router.post(
    "",
    operation_id="createTicketDraft",
    summary="Keep a draft",
    status_code=201,
    response_model=DraftRead,
    dependencies=_WRITE,
    responses=documents(*_ERRORS, TicketMerged, AttachmentNotUsable, errors.TooManyDrafts),
)
async def create_draft(
    worked: DraftedTicketDep, body: DraftCreate, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """Nobody is told of it, and the ticket does not change."""
    draft = await actions.write_draft(session, principal, worked.id, body)
    response.headers["Location"] = f"/v1/tickets/{public_id('tkt', worked.id)}/drafts/{public_id('dft', draft.id)}"
    return await _written(session, principal, draft, response)


@router.get(
    "/{draft_id}",
    operation_id="getTicketDraft",
    summary="Read a draft",
    response_model=DraftRead,
    dependencies=_READ,
    responses=documents(*_ONE),
)
async def get_draft(
    ticket_id: TicketKey, draft_id: DraftId, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """One's own or a shared one."""
    ticket = await get_followed_work(reads, principal, ticket_id)
    row = await queries.get_draft(reads, principal, ticket["id"], draft_id)
    set_etag(response, queries.etag(row))
    return dict(row)


@router.patch(
    "/{draft_id}",
    operation_id="updateTicketDraft",
    summary="Go on writing",
    response_model=DraftRead,
    dependencies=_WRITE,
    responses=documents(*_ONE, TicketMerged, AttachmentNotUsable, errors.DraftForbidden),
)
async def update_draft(
    worked: DraftedTicketDep,
    draft_id: DraftId,
    body: DraftUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """With `If-Match`, two who write at once lose nothing: the second is told that it has changed."""
    draft = await _lock(session, principal, worked.id, draft_id, if_match)
    await actions.edit_draft(session, principal, draft, body)
    return await _written(session, principal, draft, response)


@router.delete(
    "/{draft_id}",
    operation_id="deleteTicketDraft",
    summary="Throw a draft away",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(*_ONE, TicketMerged, errors.DraftForbidden),
)
async def delete_draft(
    worked: DraftedTicketDep, draft_id: DraftId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """By its author; also what a merge has left with them on the old ticket."""
    draft = await _lock(session, principal, worked.left_id, draft_id, if_match)
    await actions.delete_draft(session, principal, draft)


@router.post(
    "/{draft_id}/send",
    operation_id="sendTicketDraft",
    summary="Send a draft",
    status_code=201,
    response_model=CommentReceipt,
    dependencies=_WRITE,
    responses=documents(
        *CHANGE_ERRORS,
        ActionForbidden,
        AttachmentNotUsable,
        TicketMerged,
        errors.DraftNotFound,
        MentionCannotRead,
        TooLongAsHtml,
    ),
)
async def send_draft(
    visible: VisibleTicketDep,
    draft_id: DraftId,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    request: Request,
    if_match: IfMatchDep,
) -> Response:
    """It becomes the sender's comment, and is gone. Two who send it at once send one."""
    draft = await _lock(session, principal, visible.ticket.id, draft_id, if_match)
    comment, follow_up, said = await actions.send_draft(session, database, principal, visible, draft)
    return await receipt(
        session,
        principal,
        visible.ticket,
        comment,
        said.mention_ids,
        follow_up,
        request,
        attachment_ids=said.attachment_ids,
    )
