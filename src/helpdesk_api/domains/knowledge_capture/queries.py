"""Which tickets an article has to do with, as far as the caller may read them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.knowledge import queries as articles
from helpdesk_api.domains.knowledge.enums import ArticleAction
from helpdesk_api.domains.knowledge.errors import ArticleActionForbidden
from helpdesk_api.domains.knowledge_capture.models import ArticleTicket
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

_ORDER = (
    SortKey("created_at", ArticleTicket.created_at, datetime, descending=True),
    SortKey("ticket_id", ArticleTicket.ticket_id, UUID, descending=True),
    SortKey("use", ArticleTicket.use, str, descending=True),
)


async def list_tickets(reads: ReadSession, principal: Principal, article_id: UUID, page: PageRequest) -> Any:
    """For the staff. Raises `article_not_found` and `article_action_forbidden`."""
    await articles.get_article(reads, principal, article_id)
    if not principal.is_staff:
        raise ArticleActionForbidden(ArticleAction.REVIEW)
    statement = (
        select(*ArticleTicket.__table__.c, Ticket.reference, Ticket.subject, Ticket.status)
        .join(Ticket, Ticket.id == ArticleTicket.ticket_id)
        .where(ArticleTicket.article_id == article_id, policy.readable(principal))
    )
    return await page_of(reads, statement, _ORDER, page)
