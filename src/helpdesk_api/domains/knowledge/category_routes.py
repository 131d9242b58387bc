"""Categories of articles over HTTP. Everybody reads them; administrators change them."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import ArticleCategoryId, parse_id, public_id
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.knowledge import category_actions as actions
from helpdesk_api.domains.knowledge import category_queries as queries
from helpdesk_api.domains.knowledge import errors
from helpdesk_api.domains.knowledge.category_schemas import (
    ArticleCategoryCreate,
    ArticleCategoryPage,
    ArticleCategoryRead,
    ArticleCategoryUpdate,
)
from helpdesk_api.domains.knowledge.models import ArticleCategory
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import PreconditionFailed, UnknownReference, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(
    prefix="/v1/article-categories",
    tags=["article-categories"],
    about="The tree that articles are filed under. A category's owner approves what is published in it.",
)
_READ = [requires(Permission.ARTICLES_READ)]
_WRITE = [requires(Permission.CONFIGURATION_WRITE)]
_PLACE_ERRORS = (
    UnknownReference,
    errors.ArticleCategoryNameTaken,
    errors.ArticleCategoryRetiredAbove,
    errors.ArticleCategoryTooDeep,
)


def _written(response: Response, category: ArticleCategory) -> ArticleCategory:
    set_etag(response, etag_of(category.version))
    return category


@router.get(
    "",
    operation_id="listArticleCategories",
    summary="List categories of articles",
    response_model=ArticleCategoryPage,
    dependencies=_READ,
    responses=documents(InvalidCursor),
)
async def list_categories(
    page: PageDep,
    reads: ReadSessionDep,
    response: Response,
    parent_id: Annotated[
        str | None,
        Query(
            max_length=36,
            pattern=r"^(none|acg_[0-9a-f]{32})$",
            description="Only those directly below this category; `none` for the roots.",
        ),
    ] = None,
    is_retired: Annotated[bool | None, Query(description="Only retired ones, or only those in use.")] = None,
) -> Any:
    """The whole tree by position and name; each row names its parent."""
    parent = parent_id if parent_id in {None, "none"} else parse_id("acg", str(parent_id))
    answer = await queries.list_categories(reads, page, parent=parent, is_retired=is_retired)
    add_links(response, page, answer)
    return answer


@router.post(
    "",
    operation_id="createArticleCategory",
    summary="Create a category of articles",
    status_code=201,
    response_model=ArticleCategoryRead,
    dependencies=_WRITE,
    responses=documents(*_PLACE_ERRORS),
)
async def create_category(
    body: ArticleCategoryCreate, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """Its name is unique among its siblings, whatever the case."""
    category = await actions.create_category(session, principal, body)
    response.headers["Location"] = f"/v1/article-categories/{public_id('acg', category.id)}"
    return _written(response, category)


@router.get(
    "/{article_category_id}",
    operation_id="getArticleCategory",
    summary="Read a category of articles",
    response_model=ArticleCategoryRead,
    dependencies=_READ,
    responses=documents(errors.ArticleCategoryNotFound),
)
async def get_category(article_category_id: ArticleCategoryId, reads: ReadSessionDep, response: Response) -> Any:
    """Retired ones too."""
    row = await queries.get_category(reads, article_category_id)
    set_etag(response, etag_of(row["version"]))
    return dict(row)


@router.patch(
    "/{article_category_id}",
    operation_id="updateArticleCategory",
    summary="Change a category of articles",
    response_model=ArticleCategoryRead,
    dependencies=_WRITE,
    responses=documents(
        errors.ArticleCategoryNotFound, errors.ArticleCategoryCycle, PreconditionFailed, *_PLACE_ERRORS
    ),
)
async def update_category(
    article_category_id: ArticleCategoryId,
    body: ArticleCategoryUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """JSON merge patch; a new `parent_id` moves it with everything below."""
    category = await actions.lock_category(session, article_category_id)
    if_match.check(etag_of(category.version))
    await actions.update_category(session, principal, category, body)
    return _written(response, category)


@router.post(
    "/{article_category_id}/retire",
    operation_id="retireArticleCategory",
    summary="Retire a category of articles",
    response_model=ArticleCategoryRead,
    dependencies=_WRITE,
    responses=documents(errors.ArticleCategoryNotFound, errors.ArticleCategoryHasChildren, PreconditionFailed),
)
async def retire_category(
    article_category_id: ArticleCategoryId,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """Its articles keep it, new ones are refused. Retiring twice is the same as once."""
    category = await actions.lock_category(session, article_category_id)
    if_match.check(etag_of(category.version))
    await actions.retire_category(session, principal, category)
    return _written(response, category)


@router.post(
    "/{article_category_id}/restore",
    operation_id="restoreArticleCategory",
    summary="Restore a retired category of articles",
    response_model=ArticleCategoryRead,
    dependencies=_WRITE,
    responses=documents(
        errors.ArticleCategoryNotFound, errors.ArticleCategoryRetiredAbove, UnknownReference, PreconditionFailed
    ),
)
async def restore_category(
    article_category_id: ArticleCategoryId,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """New articles may have it again."""
    category = await actions.lock_category(session, article_category_id)
    if_match.check(etag_of(category.version))
    await actions.restore_category(session, principal, category)
    return _written(response, category)
