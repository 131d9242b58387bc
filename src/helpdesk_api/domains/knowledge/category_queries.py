"""Reads of articles' categories."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.knowledge.errors import ArticleCategoryNotFound
from helpdesk_api.domains.knowledge.models import ArticleCategory
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

_COLUMNS = tuple(ArticleCategory.__table__.c)
_ORDER = (
    SortKey("position", ArticleCategory.position, int),
    SortKey("name", ArticleCategory.name, str),
    SortKey("id", ArticleCategory.id, UUID),
)


async def list_categories(
    reads: ReadSession, page: PageRequest, *, parent: UUID | str | None, is_retired: bool | None
) -> dict[str, Any]:
    """`parent` is a category, `none` for the roots, or null for the whole tree."""
    statement: AnySelect = select(*_COLUMNS)
    if isinstance(parent, UUID):
        statement = statement.where(ArticleCategory.parent_id == parent)
    elif parent is not None:
        statement = statement.where(ArticleCategory.parent_id.is_(None))
    if is_retired is not None:
        retired = ArticleCategory.retired_at.is_not(None)
        statement = statement.where(retired if is_retired else ~retired)
    return await page_of(reads, statement, _ORDER, page)


async def get_category(reads: ReadSession, category_id: UUID) -> Any:
    """Raises `article_category_not_found`."""
    row = await reads.fetch_one(select(*_COLUMNS).where(ArticleCategory.id == category_id))
    if row is None:
        raise ArticleCategoryNotFound
    return row
