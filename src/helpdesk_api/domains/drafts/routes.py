"""Drafts over HTTP."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import DraftId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.comments.errors import MentionCannotRead
from helpdesk_api.domains.comments.routes import receipt
from helpdesk_api.domains.comments.schemas import CommentReceipt
from helpdesk_api.domains.drafts import actions, errors, queries
from helpdesk_api.domains.drafts.schemas import DraftCreate, DraftPage, DraftRead, DraftUpdate
from helpdesk_api.domains.tickets.errors import CHANGE_ERRORS, ActionForbidden, TicketMerged, TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep
from helpdesk_api.domains.tickets.seen import WorkedTicketDep, get_followed_work
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import whole_page
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
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
    responses=documents(*_ERRORS),
)
async def list_drafts(ticket_id: TicketKey, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """The caller's own and the shared ones."""
    ticket = await get_followed_work(reads, principal, ticket_id)
    rows = await reads.fetch(queries.select_drafts(principal, ticket["id"]))
    return whole_page([dict(row) for row in rows])


@router.post(
    "",
    operation_id="createTicketDraft",
    summary="Keep a draft",
    status_code=201,
    response_model=DraftRead,
    dependencies=_WRITE,
    responses=documents(*_ERRORS, errors.TooManyDrafts),
)
async def create_draft(
    ticket_id: WorkedTicketDep, body: DraftCreate, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """Nobody is told of it, and the ticket does not change."""
    draft = await actions.write_draft(session, principal, ticket_id, body)
    response.headers["Location"] = f"/v1/tickets/{public_id('tkt', ticket_id)}/drafts/{public_id('dft', draft.id)}"
    set_etag(response, etag_of(draft.version))
    return draft


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
    set_etag(response, etag_of(row["version"]))
    return dict(row)


@router.patch(
    "/{draft_id}",
    operation_id="updateTicketDraft",
    summary="Go on writing",
    response_model=DraftRead,
    dependencies=_WRITE,
    responses=documents(*_ONE, errors.DraftForbidden),
)
async def update_draft(
    ticket_id: WorkedTicketDep,
    draft_id: DraftId,
    body: DraftUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """With `If-Match`, two who write at once lose nothing: the second is told that it has changed."""
    draft = await queries.lock_draft(session, principal, ticket_id, draft_id)
    if_match.check(etag_of(draft.version))
    await actions.edit_draft(session, principal, draft, body)
    set_etag(response, etag_of(draft.version))
    return draft


@router.delete(
    "/{draft_id}",
    operation_id="deleteTicketDraft",
    summary="Throw a draft away",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(*_ONE, errors.DraftForbidden),
)
async def delete_draft(
    ticket_id: WorkedTicketDep, draft_id: DraftId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """By its author."""
    draft = await queries.lock_draft(session, principal, ticket_id, draft_id)
    if_match.check(etag_of(draft.version))
    await actions.delete_draft(session, principal, draft)


@router.post(
    "/{draft_id}/send",
    operation_id="sendTicketDraft",
    summary="Send a draft",
    status_code=201,
    response_model=CommentReceipt,
    dependencies=_WRITE,
    responses=documents(*CHANGE_ERRORS, ActionForbidden, TicketMerged, errors.DraftNotFound, MentionCannotRead),
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
    draft = await queries.lock_draft(session, principal, visible.ticket.id, draft_id)
    if_match.check(etag_of(draft.version))
    comment, follow_up, mention_ids = await actions.send_draft(session, database, principal, visible, draft)
    return await receipt(session, principal, visible.ticket, comment, mention_ids, follow_up, request)
