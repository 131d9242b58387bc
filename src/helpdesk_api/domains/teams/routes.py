"""Teams over HTTP."""

from typing import Annotated, Any

from fastapi import Query, Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import TeamId, UserId
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.teams import actions, errors, queries
from helpdesk_api.domains.teams.schemas import MemberPage, MemberPut, TeamCreate, TeamPage, TeamRead, TeamUpdate
from helpdesk_api.domains.users.errors import InvalidEmail
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import PreconditionFailed, documents
from helpdesk_api.web.listing import PageDep, add_links, whole_page
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/teams", tags=["teams"])
READ = [requires(Permission.TEAMS_READ)]
WRITE = [requires(Permission.TEAMS_WRITE)]


@router.get(
    "",
    operation_id="listTeams",
    summary="List teams",
    response_model=TeamPage,
    dependencies=READ,
    responses=documents(InvalidCursor),
)
async def list_teams(
    page: PageDep,
    reads: ReadSessionDep,
    response: Response,
    is_archived: Annotated[bool | None, Query(description="Only archived ones, or only the others.")] = None,
    sort: Annotated[
        str | None,
        Query(
            max_length=40, pattern=r"^-?(name|created_at)(,-?(name|created_at))?$", description="`name` when left out."
        ),
    ] = None,
) -> Any:
    """For staff."""
    answer = await queries.list_teams(reads, page, is_archived=is_archived, sort=sort)
    add_links(response, page, answer)
    return answer


@router.post(
    "",
    operation_id="createTeam",
    summary="Create a team",
    status_code=201,
    response_model=TeamRead,
    dependencies=WRITE,
    responses=documents(errors.TeamNameTaken, errors.NotYourTeam, InvalidEmail),
)
async def create_team(body: TeamCreate, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """By administrators."""
    team = await actions.create_team(session, principal, body)
    response.headers["Location"] = f"/v1/teams/tea_{team.id.hex}"
    set_etag(response, etag_of(team.version))
    return team


@router.get(
    "/{team_id}",
    operation_id="getTeam",
    summary="Read a team",
    response_model=TeamRead,
    dependencies=READ,
    responses=documents(errors.TeamNotFound),
)
async def get_team(team_id: TeamId, reads: ReadSessionDep, response: Response) -> Any:
    """For staff."""
    row = await queries.get_team(reads, team_id)
    set_etag(response, etag_of(row["version"]))
    return dict(row)


@router.patch(
    "/{team_id}",
    operation_id="updateTeam",
    summary="Change a team",
    response_model=TeamRead,
    dependencies=WRITE,
    responses=documents(errors.TeamNotFound, errors.TeamNameTaken, errors.NotYourTeam, InvalidEmail),
)
async def update_team(
    team_id: TeamId,
    body: TeamUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """By administrators, and by supervisors of the team."""
    team = await queries.lock_team(session, team_id)
    if_match.check(etag_of(team.version))
    await actions.update_team(session, principal, team, body)
    set_etag(response, etag_of(team.version))
    return team


@router.post(
    "/{team_id}/archive",
    operation_id="archiveTeam",
    summary="Archive a team",
    response_model=TeamRead,
    dependencies=WRITE,
    responses=documents(errors.TeamNotFound, errors.NotYourTeam, PreconditionFailed),
)
async def archive_team(
    team_id: TeamId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep, response: Response
) -> Any:
    """It takes no new members; what it holds stays with it."""
    team = await queries.lock_team(session, team_id)
    if_match.check(etag_of(team.version))
    await actions.archive_team(session, principal, team)
    set_etag(response, etag_of(team.version))
    return team


@router.get(
    "/{team_id}/members",
    operation_id="listTeamMembers",
    summary="List a team's members",
    response_model=MemberPage,
    dependencies=READ,
    responses=documents(errors.TeamNotFound),
)
async def list_members(team_id: TeamId, reads: ReadSessionDep) -> Any:
    """At most 200, by name."""
    await queries.get_team(reads, team_id)
    return whole_page(await queries.list_members(reads, team_id))


@router.put(
    "/{team_id}/members/{user_id}",
    operation_id="putTeamMember",
    summary="Add a member, or change the lead",
    status_code=204,
    dependencies=WRITE,
    responses=documents(errors.TeamNotFound, errors.NotYourTeam, errors.NotStaff, errors.TeamArchived),
)
async def put_member(
    team_id: TeamId, user_id: UserId, body: MemberPut, principal: PrincipalDep, session: SessionDep
) -> None:
    """In force within a second on every process."""
    team = await queries.lock_team(session, team_id)
    await actions.put_member(session, principal, team, user_id, body)


@router.delete(
    "/{team_id}/members/{user_id}",
    operation_id="removeTeamMember",
    summary="Remove a member",
    status_code=204,
    dependencies=WRITE,
    responses=documents(errors.TeamNotFound, errors.NotYourTeam, errors.MemberNotFound),
)
async def remove_member(team_id: TeamId, user_id: UserId, principal: PrincipalDep, session: SessionDep) -> None:
    """In force within a second on every process; what is assigned to them stays so."""
    team = await queries.lock_team(session, team_id)
    await actions.remove_member(session, principal, team, user_id)


ROUTERS = (router,)
