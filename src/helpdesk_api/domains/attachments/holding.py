"""What waits in a draft until it is sent, and what an article holds."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.attachments.actions import lock_usable, remove
from helpdesk_api.domains.attachments.errors import NotTheUploader, TooManyArticleFiles
from helpdesk_api.domains.attachments.models import Attachment
from helpdesk_api.domains.knowledge import actions as writing
from helpdesk_api.domains.knowledge.enums import ArticleAction, ArticleStatus
from helpdesk_api.domains.knowledge.events import ArticleUpdated
from helpdesk_api.domains.knowledge.models import Article
from helpdesk_api.domains.knowledge.policy import may_approve
from helpdesk_api.outbox.events import Visibility

MAX_ARTICLE_FILES = 50


async def hold(
    session: AsyncSession, principal: Principal, draft_id: UUID, ids: Sequence[UUID], *, shared_on: UUID | None
) -> bool:
    """These and no others, for all who work on the ticket `shared_on`; whether that changed anything.

    The draft's row is there and locked. What it held and no longer does is its uploader's again, for the day that
    unused uploads have. Raises `attachment_not_usable`.
    """
    held = {one.id: one for one in await lock_usable(session, principal, ids, "#/attachment_ids", draft_id)}
    others = (
        update(Attachment)
        .where(Attachment.draft_id == draft_id, Attachment.id.not_in(list(held)))
        .values(draft_id=None, draft_ticket_id=None)
        .returning(Attachment.id)
        .execution_options(synchronize_session=False)
    )
    changed = bool((await session.scalars(others)).all())
    for attachment in held.values():
        changed = changed or attachment.draft_id != draft_id
        attachment.draft_id, attachment.draft_ticket_id = draft_id, shared_on
    await session.flush()
    return changed


async def share(session: AsyncSession, draft_id: UUID, *, shared_on: UUID | None) -> None:
    """Whose the files of a draft are besides their uploaders': theirs who work on this ticket, or nobody else's."""
    held = update(Attachment).where(Attachment.draft_id == draft_id).values(draft_ticket_id=shared_on)
    await session.execute(held.execution_options(synchronize_session=False))


async def ids_of_draft(session: AsyncSession, draft_id: UUID) -> list[UUID]:
    """In the order in which they are shown."""
    found = await session.scalars(select(Attachment.id).where(Attachment.draft_id == draft_id).order_by(Attachment.id))
    return list(found)


async def add_to_article(session: AsyncSession, principal: Principal, article: Article, ids: Sequence[UUID]) -> None:
    """By those who write it; its row is locked. What was submitted, and perhaps approved, was without them. Readers of
    what is published have them at once by its approver alone, else once it is published again.

    Raises `article_action_forbidden`, `article_transition_not_allowed`, `attachment_not_usable` and
    `too_many_article_files`.
    """
    approver_id = await writing.require(session, principal, article, ArticleAction.UPDATE)
    added = await lock_usable(session, principal, ids, "#/attachment_ids")
    there = select(func.count()).select_from(Attachment).where(Attachment.article_id == article.id)
    if (await session.execute(there)).scalar_one() + len(added) > MAX_ARTICLE_FILES:
        raise TooManyArticleFiles(pointer="#/attachment_ids")
    is_approved = article.published_number is None or may_approve(principal, approver_id)
    for attachment in added:
        attachment.article_id = article.id
        attachment.visibility = Visibility.PUBLIC if is_approved else Visibility.INTERNAL
        attachment.referenced_at = clock.now()
        attachment.version += 1
    named = [public_id("att", attachment.id) for attachment in added]
    waited = writing.waiting(article)
    if article.status is ArticleStatus.PUBLISHED and not is_approved:
        article.status = ArticleStatus.DRAFT
    await _has_others(session, principal, article, approver_id, waited, attachment_ids=named)


async def remove_from_article(
    session: AsyncSession, principal: Principal, article: Article, attachment: Attachment
) -> None:
    """By those who write it, also from the archive; its row is locked. What was approved was with it: of what its
    readers have only an approver. Raises `not_the_uploader`."""
    approver_id = await writing.approver_of(session, article.category_id)
    is_seen = article.published_number is not None and attachment.visibility is Visibility.PUBLIC
    if is_seen and not may_approve(principal, approver_id):
        raise NotTheUploader
    await remove(session, principal, attachment, None)
    named = [public_id("att", attachment.id)]
    await _has_others(session, principal, article, approver_id, writing.waiting(article), removed_attachment_ids=named)


async def _has_others(
    session: AsyncSession,
    principal: Principal,
    article: Article,
    approver_id: UUID | None,
    waited: Mapping[str, Any],
    **data: list[str],
) -> None:
    """Other files than before: as with another text, what was submitted is looked at again."""
    if article.status is ArticleStatus.IN_REVIEW:
        await writing.review_again(session, principal, article, approver_id)
    writing.touch(article, public=False)
    await session.flush()
    await writing.tell(session, principal, article, ArticleUpdated, writing.changed_since(article, waited), **data)
