"""Drafting an article from a ticket's resolution, and keeping count of what articles resolve."""

from typing import Final

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.domains.knowledge.actions import create_article
from helpdesk_api.domains.knowledge.enums import ArticleLanguage
from helpdesk_api.domains.knowledge.models import Article
from helpdesk_api.domains.knowledge.reading import count_tickets
from helpdesk_api.domains.knowledge.schemas import ArticleCreate
from helpdesk_api.domains.knowledge_capture.enums import ArticleUse
from helpdesk_api.domains.knowledge_capture.errors import TicketNotResolved
from helpdesk_api.domains.knowledge_capture.models import ArticleTicket
from helpdesk_api.domains.knowledge_capture.schemas import TicketArticleCreate
from helpdesk_api.domains.tickets.enums import Refusal, TicketAction
from helpdesk_api.domains.tickets.errors import ActionForbidden
from helpdesk_api.domains.tickets.events import TicketEvent
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import standing
from helpdesk_api.domains.tickets.rules import refusal
from helpdesk_api.domains.users.models import User

_LONGEST: Final = 65_536
# Two headings, and what stands where a part had to be cut.
_WORDS: Final = {
    ArticleLanguage.DE: ("Problem", "Lösung", "Gekürzt: Im Ticket {reference} folgen noch {count} Zeichen."),
    ArticleLanguage.EN: ("Problem", "Solution", "Cut: {count} more characters follow in the ticket {reference}."),
    ArticleLanguage.ES: ("Problema", "Solución", "Abreviado: en el ticket {reference} siguen {count} caracteres."),
    ArticleLanguage.FR: ("Problème", "Solution", "Abrégé : {count} caractères suivent dans le ticket {reference}."),
}


async def draft_from_ticket(
    session: AsyncSession, principal: Principal, ticket: Ticket, body: TicketArticleCreate
) -> Article:
    """Raises `action_forbidden`, `missing_scope`, `ticket_not_resolved`, and as `create_article` does."""
    reason = refusal(standing(principal, ticket, is_participant=False), TicketAction.DRAFT_ARTICLE)
    if reason is Refusal.SCOPE_MISSING:
        raise MissingScope(Permission.ARTICLES_WRITE)
    resolution = ticket.resolution_text
    if reason is Refusal.WRONG_STATUS or (reason is None and resolution is None):
        raise TicketNotResolved
    if reason is not None or resolution is None:
        raise ActionForbidden(TicketAction.DRAFT_ARTICLE)
    language = body.language or await _own_language(session, principal)
    text = draft_text(language, ticket.reference, ticket.description, resolution)
    given = body.model_dump(include={"audience", "team_ids", "category_id"})
    draft = ArticleCreate(
        title=body.title or ticket.subject, body=text, language=language, tags=ticket.tags[:20], **given
    )
    article = await create_article(session, principal, draft, is_own_text=False)
    await _link(session, article, ticket, ArticleUse.DRAFTED)
    return article


def draft_text(language: ArticleLanguage, reference: str, description: str, resolution: str) -> str:
    """Both whole, if an article takes so much. Else the longer one is cut, or either to its half, and says so."""
    problem, solution, cut = _WORDS.get(language, _WORDS[ArticleLanguage.EN])
    room = _LONGEST - len(f"## {problem}\n\n\n\n## {solution}\n\n")

    def within(text: str, longest: int) -> str:
        if len(text) <= longest:
            return text
        kept = longest - len(cut) - len(reference) - len(f"\n\n**{len(text)}**")
        return f"{text[:kept]}\n\n**{cut.format(count=len(text) - kept, reference=reference)}**"

    solved = within(resolution, max(room // 2, room - len(description)))
    return f"## {problem}\n\n{within(description, room - len(solved))}\n\n## {solution}\n\n{solved}"


async def follow_resolution(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """ticket.resolved, ticket.reopened: what served the one, served the other no longer."""
    del principal
    if "resolution_article_id" not in event.internal_changes:
        return
    ticket: Ticket = event.entity
    resolved = (ArticleTicket.ticket_id == ticket.id, ArticleTicket.use == ArticleUse.RESOLVED)
    gone = await session.scalars(delete(ArticleTicket).where(*resolved).returning(ArticleTicket.article_id))
    for article_id in gone.all():
        await count_tickets(session, article_id, -1)
    if ticket.resolution_article_id is not None:
        article = await session.get_one(Article, ticket.resolution_article_id)
        await _link(session, article, ticket, ArticleUse.RESOLVED)
        await count_tickets(session, article.id, 1)


async def _link(session: AsyncSession, article: Article, ticket: Ticket, use: ArticleUse) -> None:
    values = {"article_id": article.id, "ticket_id": ticket.id, "use": use, "created_at": clock.now()}
    await session.execute(insert(ArticleTicket).values(values).on_conflict_do_nothing())


async def _own_language(session: AsyncSession, principal: Principal) -> ArticleLanguage:
    user = await session.get(User, principal.user_id)
    locale = user.locale if user is not None else "en"
    for tag in (locale, locale.partition("-")[0]):
        if tag in set(ArticleLanguage):
            return ArticleLanguage(tag)
    return ArticleLanguage.EN
