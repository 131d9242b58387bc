"""What tickets are to each other, over HTTP."""

from typing import Any

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import CommentId, LinkId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.attachments.errors import StorageDown
from helpdesk_api.domains.comments import queries as comments
from helpdesk_api.domains.comments.errors import CommentNotFound
from helpdesk_api.domains.comments.schemas import CommentCreate
from helpdesk_api.domains.forms.errors import FormRequired, InvalidCustomFields
from helpdesk_api.domains.relations import actions, cascade, errors, merging, queries, splitting
from helpdesk_api.domains.relations.schemas import (
    ChildResults,
    CommentSplit,
    LinkCreate,
    LinkPage,
    LinkRead,
    TicketMerge,
    TicketMergeIn,
)
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets import representation
from helpdesk_api.domains.tickets.errors import (
    CHANGE_ERRORS,
    ActionForbidden,
    AttachmentNotUsable,
    CategoryRetired,
    TicketMerged,
    TicketNotFound,
    TicketRepeated,
    TransitionNotAllowed,
)
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep
from helpdesk_api.domains.tickets.schemas import TicketDetail, TicketResolve
from helpdesk_api.domains.tickets.seen import SeenTicketDep
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import UnknownReference, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.markdown import TooLongAsHtml
from helpdesk_api.web.routing import ApiRouter

links_router = ApiRouter(
    prefix="/v1/tickets/{ticket_id}/links",
    tags=["relations"],
    about=(
        "What tickets are to each other. A link is stored once and shown from both sides, each with its own word; "
        "it is shown to whoever can see both tickets."
    ),
)
router = ApiRouter(prefix="/v1/tickets/{ticket_id}", tags=["relations"])
_READ = [requires(Permission.TICKETS_READ)]
_WRITE = [requires(Permission.TICKETS_WRITE)]
_CHANGE_ERRORS = (TicketNotFound, ActionForbidden, TicketMerged)
_MERGE_ERRORS = (
    *_CHANGE_ERRORS,
    TransitionNotAllowed,
    UnknownReference,
    errors.MergeIntoItself,
    errors.MergeTargetFinal,
    errors.LinkCycle,
)


@links_router.get(
    "",
    operation_id="listTicketLinks",
    summary="List a ticket's links",
    response_model=LinkPage,
    dependencies=_READ,
    responses=documents(TicketNotFound, InvalidCursor),
)
async def list_links(
    ticket_id: TicketKey, page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """Both directions, oldest first; only those to tickets that the caller can see."""
    row = await tickets.get_row(reads, principal, ticket_id)
    answer = await queries.list_links(reads, principal, row["id"], page)
    add_links(response, page, answer)
    return answer


@links_router.post(
    "",
    operation_id="linkTicket",
    summary="Link a ticket to another",
    status_code=201,
    response_model=LinkRead,
    dependencies=_WRITE,
    responses=documents(
        *_CHANGE_ERRORS,
        UnknownReference,
        errors.LinkToItself,
        errors.LinkExists,
        errors.LinkCycle,
        errors.ParentExists,
        errors.FamilyTooDeep,
        errors.TooManyChildren,
    ),
)
async def link_ticket(
    seen: SeenTicketDep, body: LinkCreate, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """For those who work on it. A ticket has one parent, and a family at most five levels; nothing leads in circles."""
    link, other = await actions.link_tickets(session, principal, seen, body)
    response.headers["Location"] = f"/v1/tickets/{seen}/links"
    return {"id": link.id, "kind": body.kind, "ticket": other, "created_at": link.created_at}


@links_router.delete(
    "/{link_id}",
    operation_id="unlinkTicket",
    summary="Remove a link",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(*_CHANGE_ERRORS, errors.LinkNotFound),
)
async def unlink_ticket(seen: SeenTicketDep, link_id: LinkId, principal: PrincipalDep, session: SessionDep) -> None:
    """From either side; both histories keep it."""
    await actions.unlink_tickets(session, principal, seen, link_id)


async def _shown(session: SessionDep, principal: Principal, ticket: Ticket, *, is_new: bool = False) -> Response:
    row = await tickets.written_row(session, principal, ticket)
    path = f"/v1/tickets/{public_id('tkt', ticket.id)}"
    return Response(
        representation.detail_json(principal, row).encode(),
        status_code=201 if is_new else 200,
        media_type="application/json",
        headers={"ETag": representation.etag(row), "Location" if is_new else "Content-Location": path},
    )


@router.post(
    "/merge",
    operation_id="mergeTicket",
    summary="Merge into another ticket",
    response_model=TicketDetail,
    dependencies=_WRITE,
    responses=documents(*_MERGE_ERRORS),
    openapi_extra={"x-etag": True, "x-content-location": True},
)
async def merge_ticket(
    seen: SeenTicketDep, body: TicketMerge, principal: PrincipalDep, session: SessionDep, database: DatabaseDep
) -> Response:
    """It ends, and what was said and who watches moves to the other, which is the answer. From then on its id and its
    reference lead there for whoever can see that one. For those who work on both."""
    return await _shown(session, principal, await merging.merge_into(session, database, principal, seen, body))


@router.post(
    "/merge-in",
    operation_id="mergeTicketsIn",
    summary="Merge other tickets into this one",
    response_model=TicketDetail,
    dependencies=_WRITE,
    responses=documents(*_MERGE_ERRORS, TicketRepeated),
    openapi_extra={"x-etag": True, "x-content-location": True},
)
async def merge_tickets_in(
    seen: SeenTicketDep, body: TicketMergeIn, principal: PrincipalDep, session: SessionDep, database: DatabaseDep
) -> Response:
    """Up to 50 in one transaction: all of them or none. A requester of one does not join unless it is asked for."""
    return await _shown(session, principal, await merging.merge_in(session, database, principal, seen, body))


@router.post(
    "/comments/{comment_id}/split",
    operation_id="splitTicketComment",
    summary="Make a comment a ticket of its own",
    status_code=201,
    response_model=TicketDetail,
    dependencies=_WRITE,
    responses=documents(
        *CHANGE_ERRORS,
        ActionForbidden,
        AttachmentNotUsable,
        CommentNotFound,
        UnknownReference,
        CategoryRetired,
        FormRequired,
        InvalidCustomFields,
        errors.CommentIsInternal,
        StorageDown,
        TooLongAsHtml,
    ),
    openapi_extra={"x-etag": True},
)
async def split_comment(
    visible: VisibleTicketDep,
    comment_id: CommentId,
    body: CommentSplit,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
) -> Response:
    """The comment stays, both tickets are linked, and both histories say so. It is the requester's who wrote the
    comment, else of the ticket's; the team stays the same."""
    comment = await comments.load(session, principal, visible.ticket, comment_id)
    opened = await splitting.split_comment(session, database, principal, visible.ticket, comment, body)
    return await _shown(session, principal, opened, is_new=True)


def _results(outcomes: list[cascade.ChildOutcome]) -> dict[str, Any]:
    return {"data": outcomes}


@router.post(
    "/children/resolve",
    operation_id="resolveTicketChildren",
    summary="Resolve all open children",
    response_model=ChildResults,
    dependencies=_WRITE,
    responses=documents(*_CHANGE_ERRORS),
)
async def resolve_children(
    seen: SeenTicketDep, body: TicketResolve, principal: PrincipalDep, session: SessionDep
) -> Any:
    """Those that the caller can see, each by itself: one that fails is left as it was and stops no other."""
    return _results(await cascade.resolve_children(session, principal, seen, body))


@router.post(
    "/children/comments",
    operation_id="answerTicketChildren",
    summary="Comment on all open children",
    response_model=ChildResults,
    dependencies=_WRITE,
    responses=documents(*_CHANGE_ERRORS),
)
async def answer_children(
    seen: SeenTicketDep, body: CommentCreate, principal: PrincipalDep, session: SessionDep, database: DatabaseDep
) -> Any:
    """As with resolving them."""
    return _results(await cascade.answer_children(session, database, principal, seen, body))


ROUTERS = (links_router, router)
