"""What tickets are to each other, over HTTP."""

from typing import Any

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import LinkId
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.relations import actions, errors, queries
from helpdesk_api.domains.relations.locking import SeenTicketDep
from helpdesk_api.domains.relations.schemas import LinkCreate, LinkPage, LinkRead
from helpdesk_api.domains.tickets.errors import ActionForbidden, TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey, get_row
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import UnknownReference, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.routing import ApiRouter

links_router = ApiRouter(
    prefix="/v1/tickets/{ticket_id}/links",
    tags=["relations"],
    about=(
        "What tickets are to each other. A link is stored once and shown from both sides, each with its own word; "
        "it is shown to whoever can see both tickets."
    ),
)
_READ = [requires(Permission.TICKETS_READ)]
_WRITE = [requires(Permission.TICKETS_WRITE)]
_CHANGE_ERRORS = (TicketNotFound, ActionForbidden)


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
    row = await get_row(reads, principal, ticket_id)
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


ROUTERS = (links_router,)
