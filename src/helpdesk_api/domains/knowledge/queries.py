"""Reads of articles: each starts from `policy.readable`, or from `policy.public` where nobody is signed in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, any_, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.knowledge import policy
from helpdesk_api.domains.knowledge.enums import ArticleAction, ArticleStatus
from helpdesk_api.domains.knowledge.errors import ArticleNotFound
from helpdesk_api.domains.knowledge.models import Article, ArticleCategory, ArticleVersion
from helpdesk_api.domains.knowledge.rules import REQUIRED_FIELDS, Standing, refusal
from helpdesk_api.web.errors import UnknownReference
from helpdesk_api.web.listing import PageRequest, SortKey, page_of, parse_sort, whole_page
from helpdesk_api.web.preconditions import etag_of

_original = aliased(Article, name="original")
_INTERNAL = (
    "author_id",
    "owner_id",
    "latest_number",
    "published_number",
    "source_number",
    "publish_at",
    "review_interval_days",
    "review_at",
    "reviewed_at",
)
_ARTICLE = (
    "id",
    "category_id",
    "language",
    "audience",
    "team_ids",
    "status",
    "translation_of_id",
    "author_id",
    "owner_id",
    "latest_number",
    "published_number",
    "publish_at",
    "published_at",
    "review_interval_days",
    "review_at",
    "reviewed_at",
    "external_source",
    "external_id",
    "created_at",
    "updated_at",
    "public_updated_at",
    "version",
    "public_version",
)
_VERSION = ("number", "title", "summary", "tags", "source_number")
_TEXT = ("body", "body_html")
# Of our own use; what the public ones say of changes that a reader cannot see must not get into an ETag.
_OWN = ("version", "public_version", "public_updated_at", "approver_id", "seen_original_id")
_STAFFS_SORTS = {
    "updated_at": SortKey("updated_at", Article.updated_at, datetime),
    "title": SortKey("title", ArticleVersion.title, str),
    "created_at": SortKey("created_at", Article.created_at, datetime),
}
# As each is shown it.
_READERS_SORTS = _STAFFS_SORTS | {"updated_at": SortKey("updated_at", Article.public_updated_at, datetime)}


def select_articles(
    principal: policy.Reader | None,
    *,
    with_text: bool = True,
    is_draft: bool = False,
    sight: ColumnElement[bool] | None = None,
) -> AnySelect:
    """The readable articles, each with the version that readers see or, with `is_draft`, with the latest one; None is
    whoever is not signed in. `sight` is another one than theirs."""
    if sight is None:
        sight = policy.public() if principal is None else policy.readable(principal)
    of_original = policy.public(_original) if principal is None else policy.readable(principal, _original)
    number = Article.latest_number if is_draft else func.coalesce(Article.published_number, Article.latest_number)
    columns = [getattr(Article, name) for name in _ARTICLE]
    columns += [getattr(ArticleVersion, name) for name in (*_VERSION, *(_TEXT if with_text else ()))]
    outdated = func.coalesce(_original.published_number > ArticleVersion.source_number, literal(value=False))
    return (
        select(
            *columns,
            outdated.label("is_outdated"),
            _original.id.label("seen_original_id"),
            ArticleCategory.approver_id,
        )
        .select_from(Article)
        .join(ArticleVersion, and_(ArticleVersion.article_id == Article.id, ArticleVersion.number == number))
        .outerjoin(_original, and_(_original.id == Article.translation_of_id, of_original))
        .outerjoin(ArticleCategory, ArticleCategory.id == Article.category_id)
        .where(sight)
    )


def shown(principal: Principal | None, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `select_articles` as its reader may see it."""
    article = dict(row)
    article["team_ids"] = sorted(article["team_ids"])
    article["translation_of_id"] = row["seen_original_id"]
    if principal is not None and principal.is_staff:
        return article
    for name in _OWN:
        del article[name]
    seen = {"status": ArticleStatus.PUBLISHED.value, "updated_at": row["public_updated_at"]}
    return article | dict.fromkeys(_INTERNAL) | seen


def detail(principal: Principal | None, row: Mapping[str, Any]) -> dict[str, Any]:
    return shown(principal, row) | {"allowed_actions": _actions(principal, row) if principal is not None else []}


def _standing(principal: Principal, row: Mapping[str, Any]) -> Standing:
    """Of a row, as `policy.standing` of an entity."""
    return Standing(
        status=ArticleStatus(row["status"]),
        is_published=row["published_number"] is not None,
        may_write=principal.has(Permission.ARTICLES_WRITE),
        may_edit=may_edit(principal, row),
        may_approve=policy.may_approve(principal, row["approver_id"]),
    )


def _actions(principal: Principal, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    standing = _standing(principal, row)
    reasons = {action: refusal(standing, action) for action in ArticleAction}
    return [
        {
            "action": action,
            "allowed": reason is None,
            "reason_code": reason,
            "required_fields": list(REQUIRED_FIELDS.get(action, ())),
        }
        for action, reason in reasons.items()
    ]


def may_edit(principal: Principal, row: Mapping[str, Any]) -> bool:
    """Of a row, as `policy.may_edit` of an entity."""
    own = principal.is_staff and principal.user_id in {row["author_id"], row["owner_id"]}
    return own or policy.may_approve(principal, row["approver_id"])


def etag(principal: Principal, *, version: int, public_version: int) -> str:
    """Moves only with what this reader can see. Who is not signed in sees less than any version counts."""
    if principal.is_staff:
        return etag_of(version, audience="s")
    return etag_of(public_version, audience="p")


def row_etag(principal: Principal, row: Mapping[str, Any]) -> str:
    return etag(principal, version=row["version"], public_version=row["public_version"])


async def get_article(
    reads: ReadSession, principal: Principal | None, article_id: UUID, *, is_draft: bool = False
) -> Any:
    """A row of `select_articles`. Raises `article_not_found`, for a draft also when the caller does not work on it."""
    row = await reads.fetch_one(select_articles(principal, is_draft=is_draft).where(Article.id == article_id))
    if row is None or (is_draft and (principal is None or not may_edit(principal, row))):
        raise ArticleNotFound
    return row


async def lock_article(session: AsyncSession, principal: Principal, article_id: UUID) -> Article:
    """Raises `article_not_found`."""
    return (await lock_articles(session, principal, article_id))[0]


async def lock_articles(session: AsyncSession, principal: Principal, *article_ids: UUID) -> list[Article]:
    """As they are named; locked in the order of their ids, so that no two callers wait for each other. What only
    refers to them, as a translation does to its original, may be written meanwhile. Raises `article_not_found` where
    one is missing."""
    named = Article.id.in_(article_ids)
    statement = select(Article).where(named, policy.readable(principal)).order_by(Article.id)
    locked = statement.with_for_update(of=Article, key_share=True).execution_options(populate_existing=True)
    found = {article.id: article for article in await session.scalars(locked)}
    if not found.keys() >= set(article_ids):
        raise ArticleNotFound
    return [found[article_id] for article_id in article_ids]


async def latest_version(session: AsyncSession, article: Article) -> ArticleVersion:
    return await session.get_one(ArticleVersion, (article.id, article.latest_number))


async def written(session: AsyncSession, principal: Principal, article: Article) -> Any:
    """The latest version's row, inside the transaction that just wrote it. Who gave their right away is shown what
    they still may read; where that is nothing, what they wrote, for the last time."""
    await session.flush()
    reads = await statements_of(session)
    row = await reads.fetch_one(select_articles(principal, is_draft=True, sight=Article.id == article.id))
    if may_edit(principal, row):
        return row
    still = await reads.fetch_one(select_articles(principal).where(Article.id == article.id))
    return row if still is None else still


@dataclass(frozen=True, slots=True)
class ArticleFilters:
    """What a list is narrowed by; null filters nothing."""

    category_id: UUID | None = None
    language: Sequence[str] | None = None
    audience: Sequence[str] | None = None
    status: Sequence[str] | None = None
    tag: str | None = None
    owner_id: UUID | None = None
    author_id: UUID | None = None
    is_review_due: bool | None = None
    is_outdated: bool | None = None
    is_published: bool | None = None
    external: tuple[str | None, str | None] = (None, None)

    def clauses(self, principal: policy.Reader | None) -> list[ColumnElement[bool]]:
        """What is internal finds nothing for requesters: their articles are published, and that is all they know."""
        found: list[ColumnElement[bool]] = []
        if self.category_id is not None:
            found.append(Article.category_id == self.category_id)
        if self.language:
            found.append(Article.language.in_(self.language))
        if self.audience:
            found.append(Article.audience.in_(self.audience))
        if self.tag is not None:
            found.append(literal(self.tag) == any_(ArticleVersion.tags))
        if self.is_published is not None:
            found.append(Article.published_number.is_not(None) == self.is_published)
        if self.is_outdated is not None:
            outdated = func.coalesce(_original.published_number > ArticleVersion.source_number, literal(value=False))
            found.append(outdated if self.is_outdated else ~outdated)
        for column, value in zip((Article.external_source, Article.external_id), self.external, strict=True):
            if value is not None:
                found.append(column == value)
        return found + self._internal(principal)

    def _internal(self, principal: policy.Reader | None) -> list[ColumnElement[bool]]:
        is_staff = principal is not None and principal.is_staff
        found: list[ColumnElement[bool]] = []
        if self.status:
            wanted = Article.status.in_(self.status)
            found.append(wanted if is_staff else literal(ArticleStatus.PUBLISHED.value in self.status))
        for column, value in ((Article.owner_id, self.owner_id), (Article.author_id, self.author_id)):
            if value is not None:
                found.append(column == value if is_staff else literal(value=False))
        if self.is_review_due is not None:
            due = and_(Article.published_number.is_not(None), Article.review_at <= clock.now())
            asked: ColumnElement[bool] = due if self.is_review_due else or_(Article.review_at.is_(None), ~due)
            found.append(asked if is_staff else literal(not self.is_review_due))
        return found


def narrowed(principal: policy.Reader | None, filters: ArticleFilters) -> AnySelect:
    """The ids alone, with the joins that sight and filters need."""
    if filters == ArticleFilters(is_published=filters.is_published):
        # Asked at each pause of somebody's typing: of versions and originals nothing is wanted.
        of_sight = policy.public() if principal is None else policy.readable(principal)
        owned = select(Article.id).outerjoin(ArticleCategory, ArticleCategory.id == Article.category_id)
        return owned.where(of_sight, *filters.clauses(principal))
    base = select_articles(principal, with_text=False).where(*filters.clauses(principal))
    return base.with_only_columns(Article.id)


async def list_articles(
    reads: ReadSession, principal: Principal | None, filters: ArticleFilters, page: PageRequest, *, sort: str | None
) -> dict[str, Any]:
    """By `sort`, newest change first when left out."""
    is_staff = principal is not None and principal.is_staff
    keys = parse_sort(sort, _STAFFS_SORTS if is_staff else _READERS_SORTS, "-updated_at")
    order = [*keys, SortKey("id", Article.id, UUID, keys[-1].descending)]
    statement = select_articles(principal, with_text=False).where(*filters.clauses(principal))
    answer = await page_of(reads, statement, order, page)
    answer["data"] = [listed(principal, row) for row in answer["data"]]
    return answer | {"suggestion": None, "is_corrected": False, "engines": []}


async def list_translations(reads: ReadSession, principal: Principal, article_id: UUID) -> dict[str, Any]:
    """The readable ones of its group, by language. Raises `article_not_found`."""
    await get_article(reads, principal, article_id)
    group = select(Article.group_id).where(Article.id == article_id).scalar_subquery()
    found = select_articles(principal, with_text=False).where(Article.group_id == group).order_by(Article.language)
    return whole_page([listed(principal, row) for row in await reads.fetch(found)])


def listed(principal: Principal | None, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a list that was not searched."""
    return shown(principal, row) | {"highlight": None, "score": None}


async def check_served(session: AsyncSession, principal: Principal, article_id: UUID) -> None:
    """Raises `unknown_reference` for an article that is not published for the caller."""
    served = (Article.id == article_id, Article.published_number.is_not(None), policy.readable(principal))
    if await session.scalar(select(Article.id).where(*served)) is None:
        raise UnknownReference(pointer="#/article_id")
