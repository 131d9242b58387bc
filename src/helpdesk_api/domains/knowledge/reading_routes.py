"""Reading over HTTP: feedback, counts, related articles, and what was not found."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep
from helpdesk_api.database.ids import ArticleId
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.knowledge import errors, queries, reading
from helpdesk_api.domains.knowledge.reading_schemas import (
    ArticleFeedbackCreate,
    ArticleFeedbackPage,
    ArticleFeedbackRead,
    ArticleStatisticsRead,
    RelatedArticlePage,
    SearchMissPage,
)
from helpdesk_api.domains.knowledge.routes import READ, WRITE
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/articles", tags=["articles"])
_STAFF = documents(errors.ArticleNotFound, errors.ArticleActionForbidden)
_WORK = (errors.ArticleNotFound, errors.ArticleActionForbidden, errors.ArticleTransitionNotAllowed)


@router.post(
    "/{article_id}/feedback",
    operation_id="giveArticleFeedback",
    summary="Say whether an article helped",
    response_model=ArticleFeedbackRead,
    dependencies=READ,
    responses=documents(errors.ArticleNotFound),
)
async def give_feedback(
    article_id: ArticleId, body: ArticleFeedbackCreate, principal: PrincipalDep, session: SessionDep
) -> Any:
    """Once a person; the last one counts."""
    return await reading.give_feedback(session, principal, article_id, body)


@router.get(
    "/{article_id}/feedback",
    operation_id="listArticleFeedback",
    summary="List what readers made of an article",
    response_model=ArticleFeedbackPage,
    dependencies=READ,
    responses=documents(errors.ArticleNotFound, errors.ArticleActionForbidden, InvalidCursor),
)
async def list_feedback(
    article_id: ArticleId, page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """For the staff, the latest first."""
    found = await reading.list_feedback(reads, principal, article_id, page)
    add_links(response, page, found)
    return found


@router.get(
    "/{article_id}/statistics",
    operation_id="getArticleStatistics",
    summary="Count how an article is used",
    response_model=ArticleStatisticsRead,
    dependencies=READ,
    responses=_STAFF,
    openapi_extra={"x-etag": True},
)
async def get_statistics(article_id: ArticleId, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """For the staff."""
    return await reading.get_statistics(reads, principal, article_id)


@router.get(
    "/{article_id}/related",
    operation_id="listRelatedArticles",
    summary="List related articles",
    response_model=RelatedArticlePage,
    dependencies=READ,
    responses=documents(errors.ArticleNotFound),
)
async def list_related(article_id: ArticleId, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """Those that the caller may read, all at once, by title."""
    return await reading.list_related(reads, principal, article_id)


@router.put(
    "/{article_id}/related/{related_id}",
    operation_id="relateArticle",
    summary="Relate two articles",
    status_code=204,
    dependencies=WRITE,
    responses=documents(*_WORK, errors.ArticleRelatesToItself, errors.TooManyRelatedArticles),
)
async def relate(article_id: ArticleId, related_id: ArticleId, principal: PrincipalDep, session: SessionDep) -> None:
    """For both of them; twice is the same as once."""
    article, other = await queries.lock_articles(session, principal, article_id, related_id)
    await reading.relate(session, principal, article, other)


@router.delete(
    "/{article_id}/related/{related_id}",
    operation_id="unrelateArticle",
    summary="Part two articles",
    status_code=204,
    dependencies=WRITE,
    responses=documents(*_WORK),
)
async def unrelate(article_id: ArticleId, related_id: ArticleId, principal: PrincipalDep, session: SessionDep) -> None:
    """For both of them."""
    article = await queries.lock_article(session, principal, article_id)
    await reading.unrelate(session, principal, article, related_id)


@router.get(
    "/search-misses",
    operation_id="listSearchMisses",
    summary="List what was searched and not found",
    response_model=SearchMissPage,
    dependencies=WRITE,
    responses=documents(InvalidCursor),
)
async def list_misses(
    page: PageDep,
    reads: ReadSessionDep,
    response: Response,
    min_count: Annotated[int, Query(ge=1, le=1_000_000, description="Asked at least so often; 2 when left out.")] = 2,
) -> Any:
    """What nobody has written yet; words only, not who asked. For authors."""
    found = await reading.list_misses(reads, page, least=min_count)
    add_links(response, page, found)
    return found
