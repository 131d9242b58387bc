"""What moves an article from status to status. The caller holds the row's lock."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.domains.knowledge import events
from helpdesk_api.domains.knowledge.actions import plan_review, require, show, shown, tell, touch, touch_translations
from helpdesk_api.domains.knowledge.enums import ArticleAction, ArticleStatus
from helpdesk_api.domains.knowledge.errors import PublishInPast
from helpdesk_api.domains.knowledge.models import Article
from helpdesk_api.domains.knowledge.policy import FOR_REQUESTERS
from helpdesk_api.domains.knowledge.rules import TRANSITIONS

BATCH = 100


async def submit_article(session: AsyncSession, principal: Principal, article: Article) -> None:
    await require(session, principal, article, ArticleAction.SUBMIT)
    await _move(session, principal, article, ArticleAction.SUBMIT, events.ArticleSubmitted)


async def reject_article(session: AsyncSession, principal: Principal, article: Article, reason: str) -> None:
    """Back to its authors; what was approved for later is not any more."""
    await require(session, principal, article, ArticleAction.REJECT)
    article.publish_at = article.approved_by_id = None
    await _move(session, principal, article, ArticleAction.REJECT, events.ArticleRejected, reason=reason)


async def publish_article(
    session: AsyncSession, principal: Principal, article: Article, action: ArticleAction, publish_at: datetime | None
) -> None:
    """`approve` is for what was submitted, `publish` for a draft, too. Raises `publish_in_past`."""
    await require(session, principal, article, action)
    if publish_at is None:
        article.approved_by_id = principal.user_id
        await _publish(session, principal, article)
        return
    if publish_at <= clock.now():
        raise PublishInPast(pointer="#/publish_at")
    before = {"publish_at": article.publish_at, "status": article.status}
    article.status, article.publish_at = ArticleStatus.IN_REVIEW, publish_at
    article.approved_by_id = principal.user_id
    touch(article, public=False)
    await session.flush()
    changes = {name: (shown(name, value), shown(name, getattr(article, name))) for name, value in before.items()}
    await tell(session, principal, article, events.ArticleApproved, changes)


async def archive_article(session: AsyncSession, principal: Principal, article: Article) -> None:
    """Readers have it no longer."""
    await require(session, principal, article, ArticleAction.ARCHIVE)
    was_published = article.published_number is not None
    article.published_number = article.published_at = article.publish_at = article.approved_by_id = None
    article.review_at = article.review_told_at = None
    await _move(session, principal, article, ArticleAction.ARCHIVE, events.ArticleArchived, public=was_published)
    await show(session, article)
    if was_published:
        await touch_translations(session, article, seen=article.audience in FOR_REQUESTERS)


async def restore_article(session: AsyncSession, principal: Principal, article: Article) -> None:
    """A draft again: who publishes it has looked at it."""
    await require(session, principal, article, ArticleAction.RESTORE)
    await _move(session, principal, article, ArticleAction.RESTORE, events.ArticleRestored)


async def review_article(session: AsyncSession, principal: Principal, article: Article) -> None:
    """It still holds: the next review is planned from now."""
    await require(session, principal, article, ArticleAction.REVIEW)
    before, now = article.review_at, clock.now()
    article.reviewed_at = now
    plan_review(article, now)
    touch(article, public=False)
    await session.flush()
    changes = {"review_at": (shown("review_at", before), shown("review_at", article.review_at))}
    await tell(session, principal, article, events.ArticleReviewed, changes)


async def publish_scheduled(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: what was approved for an instant that has come, each once."""
    del payload
    due = (
        select(Article)
        .where(Article.publish_at <= clock.now(), Article.status == ArticleStatus.IN_REVIEW)
        .order_by(Article.publish_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True, key_share=True)
    )
    for article in (await session.scalars(due)).all():
        await _publish(session, Principal.system(), article)


async def tell_reviews(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: published articles whose review is due, once for each date."""
    del payload
    now = clock.now()
    due = (
        select(Article)
        .where(Article.published_number.is_not(None), Article.review_at <= now, Article.review_told_at.is_(None))
        .order_by(Article.review_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True, key_share=True)
    )
    for article in (await session.scalars(due)).all():
        article.review_told_at = now
        await session.flush()
        await tell(session, Principal.system(), article, events.ArticleReviewDue, {})


async def _publish(session: AsyncSession, principal: Principal, article: Article) -> None:
    before = {"published_number": article.published_number, "status": article.status}
    now = clock.now()
    article.status = ArticleStatus.PUBLISHED
    article.published_number, article.published_at, article.publish_at = article.latest_number, now, None
    plan_review(article, now)
    touch(article, public=True)
    await session.flush()
    await show(session, article)
    await touch_translations(session, article, seen=article.audience in FOR_REQUESTERS)
    changes = {name: (shown(name, value), shown(name, getattr(article, name))) for name, value in before.items()}
    await tell(session, principal, article, events.ArticlePublished, changes)


async def _move(
    session: AsyncSession,
    principal: Principal,
    article: Article,
    action: ArticleAction,
    kind: type[events.ArticleEvent],
    *,
    public: bool = False,
    **data: Any,
) -> None:
    before = article.status
    article.status = TRANSITIONS[before][action]
    touch(article, public=public)
    await session.flush()
    await tell(session, principal, article, kind, {"status": (before.value, article.status.value)}, **data)
