"""The search over everything, over HTTP."""

from typing import Annotated, Any

from fastapi import Query, Request

from helpdesk_api.authorization.dependencies import PrincipalDep, signed_in
from helpdesk_api.database.session import ReadSessionDep
from helpdesk_api.domains.search import queries
from helpdesk_api.domains.search.enums import SearchKind
from helpdesk_api.domains.search.schemas import SearchPage
from helpdesk_api.web.routing import ApiRouter
from helpdesk_api.web.schemas import SearchText

router = ApiRouter(
    prefix="/v1/search",
    tags=["search"],
    about="One question to tickets, articles and people; each kind has a list of its own with more filters.",
)
_kinds = "|".join(SearchKind)


@router.get(
    "",
    operation_id="searchEverything",
    summary="Search tickets, articles and people",
    response_model=SearchPage,
    dependencies=[signed_in()],
)
async def search_everything(
    request: Request,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    q: Annotated[SearchText, Query(description="Words; for people a name or the start of an address.")],
    types: Annotated[
        str | None,
        Query(
            max_length=40,
            pattern=f"^({_kinds})(,({_kinds})){{0,{len(SearchKind) - 1}}}$",
            description="Of these kinds alone; all when left out.",
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=50, description="20 when left out.")] = 20,
) -> Any:
    """Of each kind what the caller may read in its own list; kinds without the right to it are left out. Devices and
    services are words of the tickets that name them."""
    kinds = [SearchKind(kind) for kind in types.split(",")] if types else list(SearchKind)
    return await queries.search(reads, principal, request, q, kinds, limit)
