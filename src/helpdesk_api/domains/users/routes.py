"""Users over HTTP."""

from typing import Annotated, Any

from fastapi import Query, Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission, Role
from helpdesk_api.database.ids import OrganizationId, UserId
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.users import actions, errors, queries
from helpdesk_api.domains.users.models import User
from helpdesk_api.domains.users.schemas import UserCreate, UserPage, UserRead, UserUpdate
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import ExternalPairIncomplete, PreconditionFailed, UnknownReference, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter
from helpdesk_api.web.schemas import ExternalText, SearchText

router = ApiRouter(prefix="/v1/users", tags=["users"])
_roles = "|".join(role.value for role in Role)


def represent(user: User) -> dict[str, Any]:
    """A user just written, as `UserRead` takes it."""
    names = (name for name in UserRead.model_fields if name != "is_active")
    return {**{name: getattr(user, name) for name in names}, "is_active": user.deactivated_at is None}


@router.get(
    "",
    operation_id="listUsers",
    summary="List users",
    response_model=UserPage,
    dependencies=[requires(Permission.USERS_READ)],
    responses=documents(InvalidCursor),
)
async def list_users(  # noqa: PLR0917 - one parameter a filter
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
    q: Annotated[SearchText | None, Query(description="Beginning of the name or e-mail address.")] = None,
    role: Annotated[
        str | None,
        Query(max_length=60, pattern=f"^({_roles})(,({_roles})){{0,3}}$", description="Any of these roles."),
    ] = None,
    is_active: Annotated[bool | None, Query(description="Only active, or only deactivated ones.")] = None,
    organization_id: Annotated[OrganizationId | None, Query(description="Of this organization.")] = None,
    external_source: Annotated[ExternalText | None, Query(description="From this system.")] = None,
    external_id: Annotated[ExternalText | None, Query(description="With this id there.")] = None,
    sort: Annotated[
        str | None,
        Query(
            max_length=40, pattern=r"^-?(name|created_at)(,-?(name|created_at))?$", description="`name` when left out."
        ),
    ] = None,
) -> Any:
    """Staff see everybody, requesters themselves."""
    answer = await queries.list_users(
        reads,
        principal,
        page,
        q=q,
        role=role.split(",") if role else None,
        is_active=is_active,
        organization_id=organization_id,
        external=(external_source, external_id),
        sort=sort,
    )
    add_links(response, page, answer)
    return answer


@router.post(
    "",
    operation_id="createUser",
    summary="Create a user",
    status_code=201,
    response_model=UserRead,
    dependencies=[requires(Permission.USERS_WRITE)],
    responses=documents(
        errors.EmailTaken,
        errors.UserExternalIdTaken,
        errors.InvalidEmail,
        errors.UnknownTimeZone,
        ExternalPairIncomplete,
        UnknownReference,
    ),
)
async def create_user(body: UserCreate, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """A person without a password until they accept their invitation."""
    user = await actions.create_user(session, principal, body)
    response.headers["Location"] = f"/v1/users/usr_{user.id.hex}"
    set_etag(response, etag_of(user.version))
    return represent(user)


@router.get(
    "/{user_id}",
    operation_id="getUser",
    summary="Read a user",
    response_model=UserRead,
    dependencies=[requires(Permission.USERS_READ)],
    responses=documents(errors.UserNotFound),
)
async def get_user(user_id: UserId, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """Requesters find only themselves."""
    row = await queries.get_user(reads, principal, user_id)
    set_etag(response, etag_of(row["version"]))
    return dict(row)


@router.patch(
    "/{user_id}",
    operation_id="updateUser",
    summary="Change a user",
    response_model=UserRead,
    dependencies=[requires(Permission.USERS_WRITE)],
    responses=documents(
        errors.UserNotFound,
        errors.EmailTaken,
        errors.UserExternalIdTaken,
        errors.InvalidEmail,
        errors.UnknownTimeZone,
        errors.LastAdmin,
        errors.ManagerCycle,
        ExternalPairIncomplete,
        UnknownReference,
    ),
)
async def update_user(
    user_id: UserId,
    body: UserUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """JSON merge patch; a changed role is in force within a second on every process."""
    user = await queries.lock_user(session, principal, user_id)
    if_match.check(etag_of(user.version))
    await actions.update_user(session, principal, user, body)
    set_etag(response, etag_of(user.version))
    return represent(user)


@router.post(
    "/{user_id}/deactivate",
    operation_id="deactivateUser",
    summary="Deactivate a user",
    response_model=UserRead,
    dependencies=[requires(Permission.USERS_WRITE)],
    responses=documents(errors.UserNotFound, errors.LastAdmin, PreconditionFailed),
)
async def deactivate_user(
    user_id: UserId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep, response: Response
) -> Any:
    """Their tokens and keys stop working at once; their open tickets are flagged for reassignment."""
    user = await queries.lock_user(session, principal, user_id)
    if_match.check(etag_of(user.version))
    await actions.deactivate_user(session, principal, user)
    set_etag(response, etag_of(user.version))
    return represent(user)


@router.post(
    "/{user_id}/reactivate",
    operation_id="reactivateUser",
    summary="Reactivate a user",
    response_model=UserRead,
    dependencies=[requires(Permission.USERS_WRITE)],
    responses=documents(errors.UserNotFound, PreconditionFailed),
)
async def reactivate_user(
    user_id: UserId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep, response: Response
) -> Any:
    """They sign in again with their old password, in new sessions."""
    user = await queries.lock_user(session, principal, user_id)
    if_match.check(etag_of(user.version))
    await actions.reactivate_user(session, principal, user)
    set_etag(response, etag_of(user.version))
    return represent(user)


ROUTERS = (router,)
