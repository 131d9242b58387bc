"""Versions of an article: what it said before, how two of them differ, and going back to one."""

import asyncio
from collections.abc import Iterable
from difflib import unified_diff
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.knowledge import events, queries
from helpdesk_api.domains.knowledge.actions import CONTENT, require, revise, show, tell, touch
from helpdesk_api.domains.knowledge.enums import ArticleAction
from helpdesk_api.domains.knowledge.errors import (
    ArticleNotFound,
    ArticleTooLongToCompare,
    ArticleVersionNotFound,
)
from helpdesk_api.domains.knowledge.models import Article, ArticleVersion
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

MAX_LINES = 1_000
_ORDER = (SortKey("number", ArticleVersion.number, int, descending=True),)
_SHORT = (
    ArticleVersion.article_id,
    ArticleVersion.number,
    ArticleVersion.title,
    ArticleVersion.source_number,
    ArticleVersion.restored_from,
    ArticleVersion.created_by_id,
    ArticleVersion.created_at,
)


async def list_versions(reads: ReadSession, principal: Principal, article_id: UUID, page: PageRequest) -> Any:
    """Newest first, for those who work on it. Raises `article_not_found`."""
    article = await _worked_on(reads, principal, article_id)
    answer = await page_of(reads, select(*_SHORT).where(ArticleVersion.article_id == article_id), _ORDER, page)
    answer["data"] = [_marked(article, row) for row in answer["data"]]
    return answer


async def get_version(reads: ReadSession, principal: Principal, article_id: UUID, number: int) -> Any:
    """Raises `article_not_found` and `article_version_not_found`."""
    article = await _worked_on(reads, principal, article_id)
    return _marked(article, await _version(reads, article_id, number))


async def compare(
    reads: ReadSession, principal: Principal, article_id: UUID, before: int, after: int
) -> dict[str, Any]:
    """A unified diff of title, summary, tags and body. Raises `article_too_long_to_compare` and as `get_version`."""
    await _worked_on(reads, principal, article_id)
    texts = [_lines(await _version(reads, article_id, number)) for number in (before, after)]
    if any(len(lines) > MAX_LINES for lines in texts):
        raise ArticleTooLongToCompare
    # Of many equal lines it takes a second or more, and others have to be served meanwhile.
    diff = await asyncio.to_thread(_unified, texts[0], texts[1], f"version {before}", f"version {after}")
    return {"from_number": before, "to_number": after, "diff": diff}


async def restore_version(session: AsyncSession, principal: Principal, article: Article, number: int) -> None:
    """Its text becomes the latest version, in draft. Raises `article_version_not_found` and as an update does."""
    await require(session, principal, article, ArticleAction.UPDATE)
    wanted = await session.get(ArticleVersion, (article.id, number))
    if wanted is None:
        raise ArticleVersionNotFound
    latest = await session.get_one(ArticleVersion, (article.id, article.latest_number))
    content = {name: getattr(wanted, name) for name in CONTENT}
    if all(getattr(latest, name) == value for name, value in content.items()):
        return
    before = article.latest_number
    await revise(session, principal, article, latest, content, restored_from=number)
    touch(article, public=False)
    await session.flush()
    await show(session, article)
    changes = {"number": (before, article.latest_number)}
    await tell(session, principal, article, events.ArticleUpdated, changes, restored_from=number)


async def _worked_on(reads: ReadSession, principal: Principal, article_id: UUID) -> Any:
    """Older and newer versions than the published one are nobody's but theirs who work on it."""
    row = await queries.get_article(reads, principal, article_id)
    if not queries.may_edit(principal, row):
        raise ArticleNotFound
    return row


async def _version(reads: ReadSession, article_id: UUID, number: int) -> Any:
    wanted = (ArticleVersion.article_id == article_id, ArticleVersion.number == number)
    row = await reads.fetch_one(select(*ArticleVersion.__table__.c).where(*wanted))
    if row is None:
        raise ArticleVersionNotFound
    return row


def _marked(article: Any, row: Any) -> dict[str, Any]:
    return {**row, "is_published": row["number"] == article["published_number"]}


def _lines(version: Any) -> list[str]:
    """By line feeds alone, and the end of the text counts: versions that differ in nothing but how lines end are not
    shown as the same."""
    summary = (version["summary"] or "").split("\n")
    return [f"# {version['title']}", *summary, ", ".join(version["tags"]), "", *version["body"].split("\n")]


def _unified(before: list[str], after: list[str], named: str, then: str) -> str:
    lines: Iterable[str] = unified_diff(before, after, named, then, lineterm="")
    return "\n".join(lines)
