"""Views over HTTP."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.conditions.checking import InvalidConditions
from helpdesk_api.conditions.query_language import InvalidQuery
from helpdesk_api.database.ids import ViewId, parse_id
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets.errors import RelevanceNeedsText, UnknownSort
from helpdesk_api.domains.tickets.filters import TicketFilters
from helpdesk_api.domains.tickets.includes import parse_include
from helpdesk_api.domains.tickets.page_schemas import TicketPage
from helpdesk_api.domains.tickets.routes import Highlights, Include, Sort, answer
from helpdesk_api.domains.views import actions, errors, queries
from helpdesk_api.domains.views.schemas import ViewCountPage, ViewCreate, ViewPage, ViewRead, ViewUpdate
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import UnknownReference, documents
from helpdesk_api.web.listing import PageDep, link_header, page_request
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/views", tags=["views"])
_READ = [requires(Permission.TICKETS_READ)]
_WRITE = [requires(Permission.TICKETS_WRITE)]
ViewIds = Annotated[
    str | None,
    Query(
        max_length=2_000,
        pattern=r"^vie_[0-9a-f]{32}(,vie_[0-9a-f]{32}){0,49}$",
        description="Of these alone, at most 50.",
    ),
]


@router.get(
    "",
    operation_id="listViews",
    summary="List views",
    response_model=ViewPage,
    dependencies=_READ,
)
async def list_views(principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """The caller's own, their teams', and the shared ones; all at once, by name."""
    return await queries.list_views(reads, principal)


@router.post(
    "",
    operation_id="createView",
    summary="Save a view",
    status_code=201,
    response_model=ViewRead,
    dependencies=_WRITE,
    responses=documents(
        errors.ViewForbidden,
        errors.ViewTeamRequired,
        errors.TooManyViews,
        UnknownReference,
        InvalidConditions,
        InvalidQuery,
        RelevanceNeedsText,
        UnknownSort,
    ),
)
async def create_view(body: ViewCreate, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """A personal one by anybody, a team's by its supervisors, a shared one by administrators."""
    view = await actions.create_view(session, principal, body)
    response.headers["Location"] = f"/v1/views/vie_{view.id.hex}"
    set_etag(response, etag_of(view.version))
    return queries.shown(principal, view)


@router.get(
    "/counts",
    operation_id="countViews",
    summary="Count the tickets of many views",
    response_model=ViewCountPage,
    dependencies=_READ,
)
async def count_views(principal: PrincipalDep, reads: ReadSessionDep, view_ids: ViewIds = None) -> Any:
    """All that a sidebar shows, in two statements; each counts to 1,000. Without `view_ids` of the first 200 views by
    name; where there are more, `total_is_exact` is false."""
    ids = [parse_id("vie", text) for text in view_ids.split(",")] if view_ids else None
    return await queries.count_tickets(reads, principal, ids)


@router.get(
    "/{view_id}",
    operation_id="getView",
    summary="Read a view",
    response_model=ViewRead,
    dependencies=_READ,
    responses=documents(errors.ViewNotFound),
)
async def get_view(view_id: ViewId, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """The question as it was saved."""
    row = await queries.get_view(reads, principal, view_id)
    set_etag(response, etag_of(row["version"]))
    return queries.shown(principal, row)


@router.patch(
    "/{view_id}",
    operation_id="updateView",
    summary="Change a view",
    response_model=ViewRead,
    dependencies=_WRITE,
    responses=documents(
        errors.ViewNotFound, errors.ViewForbidden, InvalidConditions, InvalidQuery, RelevanceNeedsText, UnknownSort
    ),
)
async def update_view(
    view_id: ViewId,
    body: ViewUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """By whoever looks after it."""
    view = await queries.lock_view(session, principal, view_id)
    if_match.check(etag_of(view.version))
    await actions.update_view(session, principal, view, body)
    set_etag(response, etag_of(view.version))
    return queries.shown(principal, view)


@router.delete(
    "/{view_id}",
    operation_id="deleteView",
    summary="Delete a view",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(errors.ViewNotFound, errors.ViewForbidden),
)
async def delete_view(view_id: ViewId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep) -> None:
    """By whoever looks after it; no ticket is touched."""
    view = await queries.lock_view(session, principal, view_id)
    if_match.check(etag_of(view.version))
    await actions.delete_view(session, principal, view)


@router.get(
    "/{view_id}/tickets",
    operation_id="listViewTickets",
    summary="List a view's tickets",
    response_model=TicketPage,
    dependencies=_READ,
    responses=documents(
        errors.ViewNotFound, InvalidCursor, InvalidConditions, InvalidQuery, RelevanceNeedsText, UnknownSort
    ),
)
async def list_view_tickets(
    view_id: ViewId,
    page: PageDep,
    request: Request,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    *,
    sort: Sort = None,
    include: Include = None,
    counts: Annotated[bool, Query(description="Facets over the same tickets; false when left out.")] = False,
    highlights: Highlights = False,
) -> Response:
    """What the view's question finds among the tickets that the caller may see; `sort` wins over the view's own.

    A view with `group_by` has its rows in groups, and in this order within each; `counts` says how many each group has.
    """
    view = await queries.get_view(reads, principal, view_id)
    # A cursor belongs to the question as it was: a changed view begins anew.
    page = page_request(
        request,
        limit=page.limit,
        cursor=page.cursor,
        include_total=page.include_total,
        asked=f"version {view['version']}",
    )
    body, next_cursor, prev_cursor = await tickets.list_tickets(
        reads,
        principal,
        TicketFilters(),
        page,
        sort=sort or view["sort"],
        group_by=view["group_by"],
        include=parse_include(include),
        with_counts=counts,
        with_highlights=highlights,
        asked=await queries.asked_by(reads, principal, view),
    )
    return answer(body, Link=link_header(page, next_cursor, prev_cursor))
