"""Articles over HTTP: parse, name the permission, answer with the one representation."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import ArticleId, parse_id, public_id
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.knowledge import actions, errors, lifecycle, queries, search, tally
from helpdesk_api.domains.knowledge.enums import ArticleAction, ArticleAudience, ArticleLanguage, ArticleStatus
from helpdesk_api.domains.knowledge.models import Article
from helpdesk_api.domains.knowledge.queries import ArticleFilters
from helpdesk_api.domains.knowledge.schemas import (
    ArticleArchive,
    ArticleCreate,
    ArticlePage,
    ArticlePublish,
    ArticleRead,
    ArticleReject,
    ArticleRestore,
    ArticleReview,
    ArticleSubmit,
    ArticleUpdate,
)
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import (
    ExternalPairIncomplete,
    PreconditionFailed,
    UnknownReference,
    documents,
)
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.markdown import TooLongAsHtml
from helpdesk_api.web.preconditions import IfMatch, IfMatchDep, set_etag
from helpdesk_api.web.routing import ApiRouter
from helpdesk_api.web.schemas import SearchText

router = ApiRouter(
    prefix="/v1/articles",
    tags=["articles"],
    about="Knowledge that answers before a ticket is needed: written by the staff, approved, versioned, translated.",
)
READ = [requires(Permission.ARTICLES_READ)]
WRITE = [requires(Permission.ARTICLES_WRITE)]
_FACTS = (
    UnknownReference,
    errors.ArticleTeamsRequired,
    errors.ArticleOriginalRequired,
    errors.ArticleLanguageTaken,
    errors.ArticleCategoryRetiredAbove,
    errors.ArticleActionForbidden,
    TooLongAsHtml,
)
VERB = (
    errors.ArticleNotFound,
    errors.ArticleActionForbidden,
    errors.ArticleTransitionNotAllowed,
    PreconditionFailed,
)


def several(enum: Any) -> str:
    words = "|".join(member.value for member in enum)
    return f"^({words})(,({words})){{0,{len(enum) - 1}}}$"


def listed(text: str | None) -> list[str] | None:
    return text.split(",") if text else None


async def answer(session: AsyncSession, principal: Principal, article: Article, response: Response) -> dict[str, Any]:
    """The latest version, as whoever works on it sees it."""
    row = await queries.written(session, principal, article)
    set_etag(response, queries.row_etag(principal, row))
    return queries.detail(principal, row)


async def locked(session: AsyncSession, principal: Principal, article_id: UUID, if_match: IfMatch) -> Article:
    """For a change."""
    article = await queries.lock_article(session, principal, article_id)
    if_match.check(queries.etag(principal, version=article.version, public_version=article.public_version))
    return article


Tag = Annotated[str | None, Query(min_length=1, max_length=50, pattern=r"^[^\x00,]+$")]
UserRef = Annotated[str | None, Query(max_length=36, pattern=r"^(me|usr_[0-9a-f]{32})$")]


Sort = Annotated[
    str | None,
    Query(
        max_length=60,
        pattern=r"^-?(updated_at|title|created_at)(,-?(updated_at|title|created_at)){0,2}$",
        description="`-updated_at` when left out; not with `q`.",
    ),
]


def _refuse_sort(sort: str | None) -> None:
    if sort is not None:
        raise errors.ArticleSortNotWithQ(parameter="sort")


def _user(principal: Principal, text: str | None) -> Any:
    if text is None:
        return None
    return principal.user_id if text == "me" else parse_id("usr", text)


@router.get(
    "",
    operation_id="listArticles",
    summary="List articles",
    response_model=ArticlePage,
    dependencies=READ,
    responses=documents(InvalidCursor, errors.ArticleSortNotWithQ),
)
async def list_articles(
    *,
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
    q: Annotated[
        SearchText | None,
        Query(description='Words, the best first; "quoted" ones and those with `-` are taken by the letter.'),
    ] = None,
    category_id: Annotated[str | None, Query(max_length=36, pattern=r"^acg_[0-9a-f]{32}$")] = None,
    language: Annotated[str | None, Query(max_length=120, pattern=several(ArticleLanguage))] = None,
    audience: Annotated[str | None, Query(max_length=60, pattern=several(ArticleAudience))] = None,
    status: Annotated[str | None, Query(max_length=60, pattern=several(ArticleStatus))] = None,
    tag: Tag = None,
    owner_id: UserRef = None,
    author_id: UserRef = None,
    is_review_due: Annotated[bool | None, Query(description="Staff only: what somebody has to look at again.")] = None,
    is_outdated: Annotated[bool | None, Query(description="Translations whose original has moved on.")] = None,
    external_source: Annotated[str | None, Query(max_length=120, pattern=r"^[^\x00]+$")] = None,
    external_id: Annotated[str | None, Query(max_length=120, pattern=r"^[^\x00]+$")] = None,
    sort: Sort = None,
) -> Any:
    """What the caller may read, each in the version that readers see; of what never was published, the latest."""
    filters = ArticleFilters(
        category_id=parse_id("acg", category_id) if category_id else None,
        language=listed(language),
        audience=listed(audience),
        status=listed(status),
        tag=tag,
        owner_id=_user(principal, owner_id),
        author_id=_user(principal, author_id),
        is_review_due=is_review_due,
        is_outdated=is_outdated,
        external=(external_source, external_id),
    )
    if q is None:
        found = await queries.list_articles(reads, principal, filters, page, sort=sort)
    else:
        _refuse_sort(sort)
        found = await search.search_articles(reads, principal, q, filters, page)
    add_links(response, page, found)
    return found


@router.post(
    "",
    operation_id="createArticle",
    summary="Draft an article",
    status_code=201,
    response_model=ArticleRead,
    dependencies=WRITE,
    responses=documents(*_FACTS, ExternalPairIncomplete, errors.ArticleExternalIdTaken),
)
async def create_article(body: ArticleCreate, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """By any of the staff. Nobody else sees it before it is published, but who approves for its category."""
    article = await actions.create_article(session, principal, body)
    response.headers["Location"] = f"/v1/articles/{public_id('art', article.id)}"
    return await answer(session, principal, article, response)


@router.get(
    "/{article_id}",
    operation_id="getArticle",
    summary="Read an article",
    response_model=ArticleRead,
    dependencies=READ,
    responses=documents(errors.ArticleNotFound),
)
async def get_article(
    article_id: ArticleId,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
    is_draft: Annotated[  # noqa: FBT002
        bool, Query(description="The version that authors work on, for them; false when left out.")
    ] = False,
) -> Any:
    """The version that readers see; of what never was published, the latest."""
    row = await queries.get_article(reads, principal, article_id, is_draft=is_draft)
    if not queries.may_edit(principal, row):
        tally.count_view(article_id)
    set_etag(response, queries.row_etag(principal, row))
    return queries.detail(principal, row)


@router.patch(
    "/{article_id}",
    operation_id="updateArticle",
    summary="Change an article",
    response_model=ArticleRead,
    dependencies=WRITE,
    responses=documents(*VERB, *_FACTS),
)
async def update_article(
    article_id: ArticleId,
    body: ArticleUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """What it says becomes a new version in draft, while readers keep the published one."""
    article = await locked(session, principal, article_id, if_match)
    await actions.update_article(session, principal, article, await queries.latest_version(session, article), body)
    return await answer(session, principal, article, response)


@router.post(
    "/{article_id}/submit",
    operation_id="submitArticle",
    summary="Submit an article for approval",
    response_model=ArticleRead,
    dependencies=WRITE,
    responses=documents(*VERB),
)
async def submit_article(
    article_id: ArticleId,
    _: ArticleSubmit,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """To the category's owner, or the administrators where it has none."""
    article = await locked(session, principal, article_id, if_match)
    await lifecycle.submit_article(session, principal, article)
    return await answer(session, principal, article, response)


@router.post(
    "/{article_id}/approve",
    operation_id="approveArticle",
    summary="Approve an article",
    response_model=ArticleRead,
    dependencies=WRITE,
    responses=documents(*VERB, errors.PublishInPast),
)
async def approve_article(
    article_id: ArticleId,
    body: ArticlePublish,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """What was submitted is published, at once or at `publish_at`; until then it stays in review."""
    article = await locked(session, principal, article_id, if_match)
    await lifecycle.publish_article(session, principal, article, ArticleAction.APPROVE, body.publish_at)
    return await answer(session, principal, article, response)


@router.post(
    "/{article_id}/reject",
    operation_id="rejectArticle",
    summary="Send an article back to its authors",
    response_model=ArticleRead,
    dependencies=WRITE,
    responses=documents(*VERB),
)
async def reject_article(
    article_id: ArticleId,
    body: ArticleReject,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """It is a draft again; the reason is in the log."""
    article = await locked(session, principal, article_id, if_match)
    await lifecycle.reject_article(session, principal, article, body.reason)
    return await answer(session, principal, article, response)


@router.post(
    "/{article_id}/publish",
    operation_id="publishArticle",
    summary="Publish an article",
    response_model=ArticleRead,
    dependencies=WRITE,
    responses=documents(*VERB, errors.PublishInPast),
)
async def publish_article(
    article_id: ArticleId,
    body: ArticlePublish,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """Without the round of a review, by who would approve it; at once or at `publish_at`."""
    article = await locked(session, principal, article_id, if_match)
    await lifecycle.publish_article(session, principal, article, ArticleAction.PUBLISH, body.publish_at)
    return await answer(session, principal, article, response)


@router.post(
    "/{article_id}/archive",
    operation_id="archiveArticle",
    summary="Archive an article",
    response_model=ArticleRead,
    dependencies=WRITE,
    responses=documents(*VERB),
)
async def archive_article(
    article_id: ArticleId,
    _: ArticleArchive,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """Readers have it no longer; who works on it keeps it with all its versions."""
    article = await locked(session, principal, article_id, if_match)
    await lifecycle.archive_article(session, principal, article)
    return await answer(session, principal, article, response)


@router.post(
    "/{article_id}/restore",
    operation_id="restoreArticle",
    summary="Take an article out of the archive",
    response_model=ArticleRead,
    dependencies=WRITE,
    responses=documents(*VERB),
)
async def restore_article(
    article_id: ArticleId,
    _: ArticleRestore,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """It is a draft again."""
    article = await locked(session, principal, article_id, if_match)
    await lifecycle.restore_article(session, principal, article)
    return await answer(session, principal, article, response)


@router.post(
    "/{article_id}/review",
    operation_id="reviewArticle",
    summary="Confirm that an article still holds",
    response_model=ArticleRead,
    dependencies=WRITE,
    responses=documents(*VERB),
)
async def review_article(
    article_id: ArticleId,
    _: ArticleReview,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """The next review is planned from now."""
    article = await locked(session, principal, article_id, if_match)
    await lifecycle.review_article(session, principal, article)
    return await answer(session, principal, article, response)
