"""Searching with a body: what a query string cannot hold."""

from fastapi import Request
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep
from helpdesk_api.conditions.checking import InvalidConditions
from helpdesk_api.conditions.query_language import InvalidQuery
from helpdesk_api.database.session import ReadSessionDep
from helpdesk_api.domains.tickets import queries, search
from helpdesk_api.domains.tickets.custom_conditions import require_known
from helpdesk_api.domains.tickets.errors import RelevanceNeedsText, UnknownSort
from helpdesk_api.domains.tickets.filters import TicketFilters
from helpdesk_api.domains.tickets.page_schemas import TicketPage
from helpdesk_api.domains.tickets.ranking import Order
from helpdesk_api.domains.tickets.routes import READ, answer
from helpdesk_api.domains.tickets.search_schemas import TicketSearch
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import DEFAULT_LIMIT, page_request
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/tickets", tags=["tickets"])


@router.post(
    "/search",
    operation_id="searchTickets",
    summary="Search tickets by conditions",
    response_model=TicketPage,
    dependencies=READ,
    responses=documents(InvalidConditions, InvalidCursor, InvalidQuery, RelevanceNeedsText, UnknownSort),
)
async def search_tickets(
    body: TicketSearch, request: Request, principal: PrincipalDep, reads: ReadSessionDep
) -> Response:
    """Everything that the caller may see and the conditions hold for, as the list answers it. Nothing is changed."""
    if (key := Order(body.sort).custom_key) is not None:
        await require_known(reads, principal, key, "#/sort")
    asked = await search.read_question(reads, principal, conditions=body.conditions, query=body.query)
    page = page_request(
        request,
        limit=body.limit or DEFAULT_LIMIT,
        cursor=body.cursor,
        include_total=bool(body.include_total),
        asked=body.model_dump_json(exclude={"limit", "cursor", "include_total"}, by_alias=True),
    )
    try:
        found, _, _ = await queries.list_tickets(
            reads,
            principal,
            TicketFilters(),
            page,
            sort=body.sort,
            include=list(dict.fromkeys(body.include or ())),
            with_counts=bool(body.counts),
            with_highlights=bool(body.highlights),
            asked=asked,
        )
    except InvalidCursor as error:
        raise InvalidCursor(pointer="#/cursor") from error
    except RelevanceNeedsText as error:
        raise RelevanceNeedsText(pointer="#/sort") from error
    return answer(found)
