"""Between tickets and articles over HTTP."""

from typing import Any

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import ArticleId, public_id
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.knowledge.errors import (
    ArticleActionForbidden,
    ArticleCategoryRetiredAbove,
    ArticleNotFound,
    ArticleTeamsRequired,
)
from helpdesk_api.domains.knowledge.routes import answer
from helpdesk_api.domains.knowledge.schemas import ArticleRead
from helpdesk_api.domains.knowledge_capture import actions, queries
from helpdesk_api.domains.knowledge_capture.errors import TicketNotResolved
from helpdesk_api.domains.knowledge_capture.schemas import ArticleTicketPage, TicketArticleCreate
from helpdesk_api.domains.tickets.errors import CHANGE_ERRORS, ActionForbidden
from helpdesk_api.domains.tickets.queries import VisibleTicketDep
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import UnknownReference, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.routing import ApiRouter

ticket_router = ApiRouter(prefix="/v1/tickets/{ticket_id}", tags=["articles"])
router = ApiRouter(prefix="/v1/articles/{article_id}", tags=["articles"])


@ticket_router.post(
    "/article",
    operation_id="draftTicketArticle",
    summary="Draft an article from a ticket",
    status_code=201,
    response_model=ArticleRead,
    dependencies=[requires(Permission.TICKETS_WRITE)],
    responses=documents(
        *CHANGE_ERRORS,
        ActionForbidden,
        TicketNotResolved,
        UnknownReference,
        ArticleTeamsRequired,
        ArticleCategoryRetiredAbove,
    ),
    openapi_extra={"x-etag": True},
)
async def draft_article(
    visible: VisibleTicketDep,
    body: TicketArticleCreate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
) -> Any:
    """By those who work on it, once it is resolved: what the requester can see of it, and nothing internal."""
    article = await actions.draft_from_ticket(session, principal, visible.ticket, body)
    response.headers["Location"] = f"/v1/articles/{public_id('art', article.id)}"
    return await answer(session, principal, article, response)


@router.get(
    "/tickets",
    operation_id="listArticleTickets",
    summary="List an article's tickets",
    response_model=ArticleTicketPage,
    dependencies=[requires(Permission.ARTICLES_READ)],
    responses=documents(ArticleNotFound, ArticleActionForbidden, InvalidCursor),
)
async def list_tickets(
    article_id: ArticleId, page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """For the staff: the ticket that it came from and those that it resolved, as far as the caller sees them."""
    found = await queries.list_tickets(reads, principal, article_id, page)
    add_links(response, page, found)
    return found


ROUTERS = (ticket_router, router)
