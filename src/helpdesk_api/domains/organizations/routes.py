"""Organizations over HTTP."""

from typing import Annotated, Any

from fastapi import Query, Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import OrganizationId
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.organizations import actions, errors, queries
from helpdesk_api.domains.organizations.schemas import (
    OrganizationCreate,
    OrganizationPage,
    OrganizationRead,
    OrganizationUpdate,
)
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import ExternalPairIncomplete, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter
from helpdesk_api.web.schemas import ExternalText, SearchText

router = ApiRouter(prefix="/v1/organizations", tags=["organizations"])
READ = [requires(Permission.ORGANIZATIONS_READ)]
WRITE = [requires(Permission.ORGANIZATIONS_WRITE)]


@router.get(
    "",
    operation_id="listOrganizations",
    summary="List organizations",
    response_model=OrganizationPage,
    dependencies=READ,
    responses=documents(InvalidCursor),
)
async def list_organizations(
    page: PageDep,
    reads: ReadSessionDep,
    response: Response,
    q: Annotated[SearchText | None, Query(description="Beginning of the name.")] = None,
    external_source: Annotated[ExternalText | None, Query(description="From this system.")] = None,
    external_id: Annotated[ExternalText | None, Query(description="With this id there.")] = None,
    sort: Annotated[
        str | None,
        Query(
            max_length=40, pattern=r"^-?(name|created_at)(,-?(name|created_at))?$", description="`name` when left out."
        ),
    ] = None,
) -> Any:
    """For staff."""
    answer = await queries.list_organizations(reads, page, q=q, external=(external_source, external_id), sort=sort)
    add_links(response, page, answer)
    return answer


@router.post(
    "",
    operation_id="createOrganization",
    summary="Create an organization",
    status_code=201,
    response_model=OrganizationRead,
    dependencies=WRITE,
    responses=documents(errors.OrganizationExternalIdTaken, ExternalPairIncomplete),
)
async def create_organization(
    body: OrganizationCreate, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """Names need not be unique; external ids are."""
    organization = await actions.create_organization(session, principal, body)
    response.headers["Location"] = f"/v1/organizations/org_{organization.id.hex}"
    set_etag(response, etag_of(organization.version))
    return organization


@router.get(
    "/{organization_id}",
    operation_id="getOrganization",
    summary="Read an organization",
    response_model=OrganizationRead,
    dependencies=READ,
    responses=documents(errors.OrganizationNotFound),
)
async def get_organization(organization_id: OrganizationId, reads: ReadSessionDep, response: Response) -> Any:
    """For staff."""
    row = await queries.get_organization(reads, organization_id)
    set_etag(response, etag_of(row["version"]))
    return dict(row)


@router.patch(
    "/{organization_id}",
    operation_id="updateOrganization",
    summary="Change an organization",
    response_model=OrganizationRead,
    dependencies=WRITE,
    responses=documents(errors.OrganizationNotFound, errors.OrganizationExternalIdTaken, ExternalPairIncomplete),
)
async def update_organization(
    organization_id: OrganizationId,
    body: OrganizationUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """JSON merge patch."""
    organization = await queries.lock_organization(session, organization_id)
    if_match.check(etag_of(organization.version))
    await actions.update_organization(session, principal, organization, body)
    set_etag(response, etag_of(organization.version))
    return organization


ROUTERS = (router,)
