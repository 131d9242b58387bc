"""Categories and the priority matrix over HTTP. Everybody reads them; admins change them."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import CategoryId, parse_id, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.categories import actions, errors, queries
from helpdesk_api.domains.categories.enums import TicketType
from helpdesk_api.domains.categories.models import Category
from helpdesk_api.domains.categories.queries import CategoryFilters
from helpdesk_api.domains.categories.schemas import (
    CategoryCreate,
    CategoryPage,
    CategoryRead,
    CategoryUpdate,
    PriorityMatrixRead,
    PriorityMatrixUpdate,
)
from helpdesk_api.domains.forms import queries as forms
from helpdesk_api.domains.forms.errors import FormNotFound
from helpdesk_api.domains.forms.schemas import FormRead
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import (
    PreconditionFailed,
    PreconditionRequired,
    UnknownReference,
    documents,
)
from helpdesk_api.web.listing import PageDep, link_header
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import MAY_BE_MISSING, ApiRouter

router = ApiRouter(prefix="/v1/categories", tags=["categories"])
matrix_router = ApiRouter(prefix="/v1/priority-matrix", tags=["categories"])
READ = [requires(Permission.CONFIGURATION_READ)]
WRITE = [requires(Permission.CONFIGURATION_WRITE)]
_PLACE_ERRORS = (
    UnknownReference,
    errors.CategoryNameTaken,
    errors.CategoryParentRetired,
    errors.CategoryTooDeep,
)


def _written(response: Response, category: Category) -> Category:
    set_etag(response, etag_of(category.version))
    return category


@router.get(
    "",
    operation_id="listCategories",
    summary="List categories",
    response_model=CategoryPage,
    dependencies=READ,
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
            pattern=r"^(none|cat_[0-9a-f]{32})$",
            description="Only those directly below this category; `none` for the roots.",
        ),
    ] = None,
    is_retired: Annotated[bool | None, Query(description="Only retired ones, or only those in use.")] = None,
) -> Any:
    """The whole tree by position and name; each row names its parent."""
    parent = parent_id if parent_id in {None, "none"} else parse_id("cat", str(parent_id))
    rows, next_cursor, prev_cursor, total = await queries.list_categories(
        reads, CategoryFilters(parent, is_retired), page
    )
    if (link := link_header(page, next_cursor, prev_cursor)) is not None:
        response.headers["Link"] = link
    return {
        "data": [dict(row) for row in rows],
        "next_cursor": next_cursor,
        "prev_cursor": prev_cursor,
        "total": total,
        "total_is_exact": None if total is None else True,
    }


@router.post(
    "",
    operation_id="createCategory",
    summary="Create a category",
    status_code=201,
    response_model=CategoryRead,
    dependencies=WRITE,
    responses=documents(*_PLACE_ERRORS),
)
async def create_category(
    body: CategoryCreate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
) -> Any:
    """Its name is unique among its siblings, whatever the case."""
    category = await actions.create_category(session, principal, body)
    response.headers["Location"] = f"/v1/categories/{public_id('cat', category.id)}"
    return _written(response, category)


@router.get(
    "/{category_id}",
    operation_id="getCategory",
    summary="Read a category",
    response_model=CategoryRead,
    dependencies=READ,
    responses=documents(errors.CategoryNotFound),
)
async def get_category(category_id: CategoryId, reads: ReadSessionDep, response: Response) -> Any:
    """Retired ones too."""
    row = await queries.get_category(reads, category_id)
    set_etag(response, etag_of(row["version"]))
    return dict(row)


@router.get(
    "/{category_id}/form",
    operation_id="getCategoryForm",
    summary="Read what tickets of a category and type ask for",
    response_model=FormRead,
    dependencies=READ,
    responses=documents(errors.CategoryNotFound, FormNotFound),
    openapi_extra={"x-etag": True, MAY_BE_MISSING: True},
)
async def get_category_form(
    category_id: CategoryId,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    database: DatabaseDep,
    kind: Annotated[TicketType, Query(alias="type", description="`incident` when left out.")] = TicketType.INCIDENT,
) -> Any:
    """The form of the category for this type, its default one, or that of the nearest category above it; archived ones
    ask for nothing."""
    if await queries.category(database, category_id) is None:
        raise errors.CategoryNotFound
    form_id = await queries.form_of(database, category_id, kind)
    known = await forms.form(database, form_id) if form_id is not None else None
    if known is None or known.archived_at is not None:
        raise FormNotFound
    found, _ = await forms.get_form(reads, known.id, None, is_staff=principal.is_staff)
    return found


@router.patch(
    "/{category_id}",
    operation_id="updateCategory",
    summary="Change a category",
    response_model=CategoryRead,
    dependencies=WRITE,
    responses=documents(
        errors.CategoryNotFound,
        errors.CategoryCycle,
        PreconditionFailed,
        *_PLACE_ERRORS,
    ),
)
async def update_category(
    category_id: CategoryId,
    body: CategoryUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """JSON merge patch; a new `parent_id` moves it with everything below."""
    category = await queries.lock_category(session, category_id)
    if_match.check(etag_of(category.version))
    await actions.update_category(session, principal, category, body)
    return _written(response, category)


@router.post(
    "/{category_id}/retire",
    operation_id="retireCategory",
    summary="Retire a category",
    response_model=CategoryRead,
    dependencies=WRITE,
    responses=documents(errors.CategoryNotFound, errors.CategoryHasChildren, PreconditionFailed),
)
async def retire_category(
    category_id: CategoryId,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """Its tickets keep it, new ones are refused. Retiring twice is the same as once."""
    category = await queries.lock_category(session, category_id)
    if_match.check(etag_of(category.version))
    await actions.retire_category(session, principal, category)
    return _written(response, category)


@router.post(
    "/{category_id}/restore",
    operation_id="restoreCategory",
    summary="Restore a retired category",
    response_model=CategoryRead,
    dependencies=WRITE,
    responses=documents(errors.CategoryNotFound, errors.CategoryParentRetired, PreconditionFailed),
)
async def restore_category(
    category_id: CategoryId,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """New tickets may have it again."""
    category = await queries.lock_category(session, category_id)
    if_match.check(etag_of(category.version))
    await actions.restore_category(session, principal, category)
    return _written(response, category)


@matrix_router.get(
    "",
    operation_id="getPriorityMatrix",
    summary="Read the priority matrix",
    response_model=PriorityMatrixRead,
    dependencies=READ,
)
async def get_matrix(reads: ReadSessionDep, response: Response) -> Any:
    """The priority that follows from each impact and urgency."""
    found = await queries.read_matrix(reads)
    set_etag(response, etag_of(found.version))
    return found


@matrix_router.put(
    "",
    operation_id="replacePriorityMatrix",
    summary="Replace the priority matrix",
    response_model=PriorityMatrixRead,
    dependencies=WRITE,
    responses=documents(PreconditionFailed, PreconditionRequired),
)
async def replace_matrix(
    body: PriorityMatrixUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """`If-Match` is required. Tickets keep the priority that they have."""
    replaced = await actions.replace_matrix(session, principal, body, if_match)
    set_etag(response, etag_of(replaced.version))
    return replaced


ROUTERS = (router, matrix_router)
