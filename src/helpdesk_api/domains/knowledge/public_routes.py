"""What everybody may read, without signing in, where the operator has switched it on."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import authenticate, public
from helpdesk_api.config import Settings
from helpdesk_api.database.ids import ArticleId, parse_id
from helpdesk_api.database.session import ReadSessionDep
from helpdesk_api.domains.knowledge import errors, queries, search, tally
from helpdesk_api.domains.knowledge.enums import ArticleLanguage
from helpdesk_api.domains.knowledge.queries import ArticleFilters
from helpdesk_api.domains.knowledge.routes import Tag, listed, several
from helpdesk_api.domains.knowledge.schemas import ArticlePage, ArticleRead
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import ProblemError, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.routing import ApiRouter
from helpdesk_api.web.schemas import SearchText

router = ApiRouter(prefix="/v1/public/articles", tags=["articles"])
OPEN = [public("Published articles for everybody, where HELPDESK_PUBLIC_ARTICLES is on.")]
MAX_AGE_SECONDS = 300
_IMAGE = re.compile(r'(<img src=")/v1/attachments/(att_[0-9a-f]{32})/download(?=")')


def check_open(request: Request) -> None:
    """Raises `article_not_found` where it is switched off."""
    settings: Settings = request.app.state.settings
    if not settings.public_articles:
        raise errors.ArticleNotFound


def _may_be_kept(response: Response) -> None:
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_SECONDS}"


async def _works_on(request: Request, row: Mapping[str, Any]) -> bool:
    """Who has signed in all the same; with a token that is no good they are anybody."""
    if "authorization" not in request.headers:
        return False
    try:
        principal = await authenticate(request)
    except ProblemError:
        return False
    return queries.may_edit(principal, row)


def _with_public_images(body_html: str) -> str:
    """What is sanitised has a tag only where one is meant, and its pictures need no signing in here."""
    return _IMAGE.sub(r"\1/v1/public/attachments/\2/download", body_html)


@router.get(
    "",
    operation_id="listPublicArticles",
    summary="List public articles",
    response_model=ArticlePage,
    dependencies=OPEN,
    responses=documents(errors.ArticleNotFound, InvalidCursor),
    openapi_extra={"x-etag": True},
)
async def list_public(
    *,
    request: Request,
    page: PageDep,
    reads: ReadSessionDep,
    response: Response,
    q: Annotated[SearchText | None, Query(description="Words, the best first.")] = None,
    language: Annotated[str | None, Query(max_length=120, pattern=several(ArticleLanguage))] = None,
    category_id: Annotated[str | None, Query(max_length=36, pattern=r"^acg_[0-9a-f]{32}$")] = None,
    tag: Tag = None,
) -> Any:
    """Without signing in; may be kept for five minutes. 404 where the operator has not switched it on."""
    check_open(request)
    category = parse_id("acg", category_id) if category_id else None
    filters = ArticleFilters(category_id=category, language=listed(language), tag=tag)
    if q is None:
        found = await queries.list_articles(reads, None, filters, page, sort=None)
    else:
        found = await search.search_articles(reads, None, q, filters, page)
    add_links(response, page, found)
    _may_be_kept(response)
    return found


@router.get(
    "/{article_id}",
    operation_id="getPublicArticle",
    summary="Read a public article",
    response_model=ArticleRead,
    dependencies=OPEN,
    responses=documents(errors.ArticleNotFound),
)
async def get_public(article_id: ArticleId, request: Request, reads: ReadSessionDep, response: Response) -> Any:
    """Without signing in; may be kept for five minutes."""
    check_open(request)
    row = await queries.get_article(reads, None, article_id)
    if not await _works_on(request, row):
        tally.count_view(article_id)
    _may_be_kept(response)
    answer = queries.detail(None, row)
    answer["body_html"] = _with_public_images(answer["body_html"])
    return answer
