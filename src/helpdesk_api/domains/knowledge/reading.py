"""What readers make of an article, and what belongs to it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.knowledge import policy, queries
from helpdesk_api.domains.knowledge.actions import require
from helpdesk_api.domains.knowledge.enums import ArticleAction
from helpdesk_api.domains.knowledge.errors import (
    ArticleActionForbidden,
    ArticleNotFound,
    ArticleRelatesToItself,
    TooManyRelatedArticles,
)
from helpdesk_api.domains.knowledge.models import (
    Article,
    ArticleFeedback,
    ArticleRelation,
    ArticleStatistics,
    ArticleVersion,
    SearchMiss,
)
from helpdesk_api.domains.knowledge.reading_schemas import ArticleFeedbackCreate
from helpdesk_api.web.listing import PageRequest, SortKey, page_of, whole_page

MAX_RELATED = 50
_FEEDBACK_ORDER = (
    SortKey("updated_at", ArticleFeedback.updated_at, datetime, descending=True),
    SortKey("user_id", ArticleFeedback.user_id, UUID, descending=True),
)
_MISS_ORDER = (
    SortKey("miss_count", SearchMiss.miss_count, int, descending=True),
    SortKey("words", SearchMiss.words, str, descending=True),
)


async def give_feedback(
    session: AsyncSession, principal: Principal, article_id: UUID, body: ArticleFeedbackCreate
) -> ArticleFeedback:
    """The counts' row is locked, so that two answers at once are both counted. Raises `article_not_found`."""
    seen = select(Article.id, func.coalesce(Article.published_number, Article.latest_number).label("number"))
    article = (await session.execute(seen.where(Article.id == article_id, policy.readable(principal)))).first()
    if article is None:
        raise ArticleNotFound
    counts = await session.get_one(ArticleStatistics, article_id, with_for_update=True, populate_existing=True)
    held = await session.get(ArticleFeedback, (article_id, principal.user_id), populate_existing=True)
    if held is None:
        held = ArticleFeedback(article_id=article_id, user_id=principal.user_id)
        session.add(held)
    elif held.is_helpful:
        counts.helpful_count -= 1
    else:
        counts.not_helpful_count -= 1
    if body.is_helpful:
        counts.helpful_count += 1
    else:
        counts.not_helpful_count += 1
    held.is_helpful, held.comment = body.is_helpful, body.comment
    held.number, held.updated_at = article.number, clock.now()
    await session.flush()
    return held


async def list_feedback(reads: ReadSession, principal: Principal, article_id: UUID, page: PageRequest) -> Any:
    """For the staff among its readers. Raises `article_not_found` and `article_action_forbidden`."""
    await _get_as_staff(reads, principal, article_id)
    statement = select(*ArticleFeedback.__table__.c).where(ArticleFeedback.article_id == article_id)
    return await page_of(reads, statement, _FEEDBACK_ORDER, page)


async def get_statistics(reads: ReadSession, principal: Principal, article_id: UUID) -> dict[str, Any]:
    """For the staff among its readers. Raises `article_not_found` and `article_action_forbidden`."""
    await _get_as_staff(reads, principal, article_id)
    row = await reads.fetch_one(
        select(*ArticleStatistics.__table__.c).where(ArticleStatistics.article_id == article_id)
    )
    return dict(row)


async def list_related(reads: ReadSession, principal: Principal, article_id: UUID) -> dict[str, Any]:
    """Those that the caller may read. Raises `article_not_found`."""
    await queries.get_article(reads, principal, article_id)
    others = select(ArticleRelation.second_id).where(ArticleRelation.first_id == article_id)
    before = select(ArticleRelation.first_id).where(ArticleRelation.second_id == article_id)
    found = queries.select_articles(principal, with_text=False).where(Article.id.in_(others.union_all(before)))
    rows = await reads.fetch(found.order_by(ArticleVersion.title, Article.id))
    return whole_page([queries.listed(principal, row) for row in rows])


async def relate(session: AsyncSession, principal: Principal, article: Article, other: Article) -> None:
    """Idempotent. Both are locked, so that neither gets too many. Raises `article_relates_to_itself`,
    `too_many_related_articles`, and as an update does."""
    await require(session, principal, article, ArticleAction.UPDATE)
    if other.id == article.id:
        raise ArticleRelatesToItself
    first, second = sorted((article.id, other.id))
    if await session.get(ArticleRelation, (first, second)) is not None:
        return
    for one in (article, other):
        own = or_(ArticleRelation.first_id == one.id, ArticleRelation.second_id == one.id)
        if (await session.scalar(select(func.count()).select_from(ArticleRelation).where(own)) or 0) >= MAX_RELATED:
            raise TooManyRelatedArticles
    session.add(ArticleRelation(first_id=first, second_id=second))
    await session.flush()


async def unrelate(session: AsyncSession, principal: Principal, article: Article, other_id: UUID) -> None:
    """Raises `article_not_found` where they do not belong together, and as an update does."""
    await require(session, principal, article, ArticleAction.UPDATE)
    first, second = sorted((article.id, other_id))
    gone = delete(ArticleRelation).where(ArticleRelation.first_id == first, ArticleRelation.second_id == second)
    if (await session.execute(gone.returning(ArticleRelation.first_id))).first() is None:
        raise ArticleNotFound


async def count_tickets(session: AsyncSession, article_id: UUID, by: int) -> None:
    """Tickets that it resolved; `by` is negative for one that was reopened."""
    await session.execute(
        update(ArticleStatistics)
        .where(ArticleStatistics.article_id == article_id)
        .values(ticket_count=ArticleStatistics.ticket_count + by)
        .execution_options(synchronize_session=False)
    )


async def list_misses(reads: ReadSession, page: PageRequest, *, least: int) -> dict[str, Any]:
    """Those that were asked at least so often."""
    statement = select(*SearchMiss.__table__.c).where(SearchMiss.miss_count >= least)
    return await page_of(reads, statement, _MISS_ORDER, page)


async def _get_as_staff(reads: ReadSession, principal: Principal, article_id: UUID) -> None:
    await queries.get_article(reads, principal, article_id)
    if not principal.is_staff:
        raise ArticleActionForbidden(ArticleAction.REVIEW)
