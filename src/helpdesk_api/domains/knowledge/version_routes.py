"""Versions and translations of articles over HTTP."""

from typing import Annotated, Any

from fastapi import Path, Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep
from helpdesk_api.database.ids import ArticleId
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.knowledge import errors, queries, versions
from helpdesk_api.domains.knowledge.routes import READ, VERB, WRITE, answer, locked
from helpdesk_api.domains.knowledge.schemas import ArticleRead
from helpdesk_api.domains.knowledge.version_schemas import (
    ArticleDiff,
    ArticleTranslationPage,
    ArticleVersionPage,
    ArticleVersionRead,
    ArticleVersionRestore,
)
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/articles/{article_id}", tags=["articles"])
Number = Annotated[int, Path(ge=1, le=1_000_000)]


@router.get(
    "/versions",
    operation_id="listArticleVersions",
    summary="List an article's versions",
    response_model=ArticleVersionPage,
    dependencies=READ,
    responses=documents(errors.ArticleNotFound, InvalidCursor),
)
async def list_versions(
    article_id: ArticleId, page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """Newest first, for those who work on it."""
    found = await versions.list_versions(reads, principal, article_id, page)
    add_links(response, page, found)
    return found


@router.get(
    "/versions/{number}",
    operation_id="getArticleVersion",
    summary="Read a version of an article",
    response_model=ArticleVersionRead,
    dependencies=READ,
    responses=documents(errors.ArticleNotFound, errors.ArticleVersionNotFound),
)
async def get_version(article_id: ArticleId, number: Number, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """For those who work on it."""
    return await versions.get_version(reads, principal, article_id, number)


@router.get(
    "/diff",
    operation_id="compareArticleVersions",
    summary="Compare two versions of an article",
    response_model=ArticleDiff,
    dependencies=READ,
    responses=documents(errors.ArticleNotFound, errors.ArticleVersionNotFound, errors.ArticleTooLongToCompare),
)
async def compare_versions(
    article_id: ArticleId,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    before: Annotated[int, Query(alias="from", ge=1, le=1_000_000, description="The version before.")],
    after: Annotated[int, Query(alias="to", ge=1, le=1_000_000, description="The version after.")],
) -> Any:
    """Line by line; for those who work on it."""
    return await versions.compare(reads, principal, article_id, before, after)


@router.post(
    "/versions/{number}/restore",
    operation_id="restoreArticleVersion",
    summary="Go back to a version of an article",
    response_model=ArticleRead,
    dependencies=WRITE,
    responses=documents(*VERB, errors.ArticleVersionNotFound),
)
async def restore_version(
    article_id: ArticleId,
    number: Number,
    _: ArticleVersionRestore,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """Its text becomes a new version in draft; none that lies between is lost."""
    article = await locked(session, principal, article_id, if_match)
    await versions.restore_version(session, principal, article, number)
    return await answer(session, principal, article, response)


@router.get(
    "/translations",
    operation_id="listArticleTranslations",
    summary="List an article's translations",
    response_model=ArticleTranslationPage,
    dependencies=READ,
    responses=documents(errors.ArticleNotFound),
)
async def list_translations(article_id: ArticleId, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """The original and all its translations that the caller may read, this one among them."""
    return await queries.list_translations(reads, principal, article_id)
