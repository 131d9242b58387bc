"""Who may read and change an article: once as SQL, once as a predicate."""

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, bindparam, false, literal, or_, select, true

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.domains.knowledge.enums import ArticleAudience
from helpdesk_api.domains.knowledge.models import Article, ArticleCategory
from helpdesk_api.domains.knowledge.rules import Standing

_IDS = ARRAY(Uuid(as_uuid=True))


@dataclass(frozen=True, slots=True)
class ReaderShape:
    """What the text of a scope depends on, for statements that are made once for many; who the reader is comes with
    each call, as `reader_parameters`. Without them such a statement fails."""

    is_admin: bool
    is_staff: bool

    @property
    def user_id(self) -> ColumnElement[Any]:
        return bindparam("reader_id", type_=Uuid(as_uuid=True))

    @property
    def team_ids(self) -> ColumnElement[Any]:
        return bindparam("reader_team_ids", type_=_IDS)


class Reader(Protocol):
    """A principal, or a shape that stands for many."""

    @property
    def is_admin(self) -> bool: ...

    @property
    def is_staff(self) -> bool: ...

    @property
    def user_id(self) -> Any: ...

    @property
    def team_ids(self) -> Any: ...


def shape_of(principal: Principal) -> ReaderShape:
    return ReaderShape(principal.is_admin, principal.is_staff)


def reader_parameters(principal: Principal) -> dict[str, Any]:
    """The values for the binds of this reader's shape."""
    return {"reader_id": principal.user_id, "reader_team_ids": sorted(principal.team_ids)}


FOR_REQUESTERS = (ArticleAudience.PUBLIC, ArticleAudience.REQUESTERS)
_FOR_STAFF = (*FOR_REQUESTERS, ArticleAudience.AGENTS)


def public(article: type[Article] = Article) -> ColumnElement[bool]:
    """What anybody may read."""
    return and_(article.published_number.is_not(None), article.audience == ArticleAudience.PUBLIC)


def for_requesters(article: type[Article] = Article) -> ColumnElement[bool]:
    """What everybody with an account may read; a fixed text, for statements that are made once."""
    audience = or_(article.audience == ArticleAudience.PUBLIC, article.audience == ArticleAudience.REQUESTERS)
    return and_(article.published_number.is_not(None), audience)


def readable(principal: Reader, article: type[Article] = Article) -> ColumnElement[bool]:
    """The rows that exist for the caller; every read of articles starts from it."""
    if principal.is_admin:
        return true()
    if not principal.is_staff:
        return for_requesters(article)
    published = article.published_number.is_not(None)
    ids = principal.team_ids
    teams = ids if isinstance(ids, ColumnElement) else literal(sorted(ids), _IDS)
    of_teams = article.team_ids.op("&&", is_comparison=True)(teams)
    by_audience = or_(*[article.audience == audience for audience in _FOR_STAFF], of_teams)
    return or_(and_(published, by_audience), editable(principal, article))


def editable(principal: Reader, article: type[Article] = Article) -> ColumnElement[bool]:
    """`may_edit` as SQL."""
    if principal.is_admin:
        return true()
    if not principal.is_staff:
        return false()
    return or_(
        article.author_id == principal.user_id,
        article.owner_id == principal.user_id,
        approvable(principal, article),
    )


def approvable(principal: Reader, article: type[Article] = Article) -> ColumnElement[bool]:
    """`may_approve` as SQL."""
    if principal.is_admin:
        return true()
    if not principal.is_staff:
        return false()
    approves = select(ArticleCategory.id).where(ArticleCategory.approver_id == principal.user_id)
    return article.category_id.in_(approves)


def may_approve(principal: Principal, approver_id: UUID | None) -> bool:
    return principal.is_admin or (principal.is_staff and principal.user_id == approver_id)


def may_edit(principal: Principal, article: Article, approver_id: UUID | None) -> bool:
    """Its author, its owner, and whoever approves."""
    own = principal.is_staff and principal.user_id in {article.author_id, article.owner_id}
    return own or may_approve(principal, approver_id)


def may_read(principal: Principal, article: Article, approver_id: UUID | None) -> bool:
    """The predicate of `readable`."""
    if may_edit(principal, article, approver_id):
        return True
    if article.published_number is None:
        return False
    if not principal.is_staff:
        return article.audience in FOR_REQUESTERS
    return article.audience in _FOR_STAFF or not principal.team_ids.isdisjoint(article.team_ids)


def standing(principal: Principal, article: Article, approver_id: UUID | None) -> Standing:
    return Standing(
        status=article.status,
        is_published=article.published_number is not None,
        may_write=principal.has(Permission.ARTICLES_WRITE),
        may_edit=may_edit(principal, article, approver_id),
        may_approve=may_approve(principal, approver_id),
    )
