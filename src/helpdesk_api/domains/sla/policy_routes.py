"""SLA policies over HTTP."""

from typing import Annotated, Any

from fastapi import Path, Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.conditions.checking import InvalidConditions
from helpdesk_api.database import clock
from helpdesk_api.database.ids import SlaPolicyId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.sla import errors
from helpdesk_api.domains.sla import policy_actions as actions
from helpdesk_api.domains.sla import policy_queries as queries
from helpdesk_api.domains.sla.policy_models import SlaPolicy
from helpdesk_api.domains.sla.policy_schemas import (
    SlaPolicyCreate,
    SlaPolicyOrder,
    SlaPolicyOrderUpdate,
    SlaPolicyPage,
    SlaPolicyPreview,
    SlaPolicyPublish,
    SlaPolicyRead,
    SlaPolicyUpdate,
    SlaPolicyVersionPage,
    SlaPolicyVersionRead,
)
from helpdesk_api.domains.sla.preview import preview
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import PreconditionFailed, UnknownReference, WebhookUrlRefused, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, etag_of_order, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(
    prefix="/v1/sla-policies",
    tags=["sla-policies"],
    about=(
        "What is promised: targets by priority, in which hours they count, what pauses them, and what happens on the "
        "way to a breach. Policies are tried in their order, and the first of each kind whose conditions hold counts."
    ),
)
# What teams promise each other, and what a step calls, is the staff's own; of their own clocks requesters read in their
# tickets.
_READ = [requires(Permission.TEAMS_READ)]
_WRITE = [requires(Permission.CONFIGURATION_WRITE)]
_DEFINITION_ERRORS = (
    UnknownReference,
    InvalidConditions,
    errors.TargetRepeated,
    errors.PauseRepeated,
    errors.CalendarArchived,
    WebhookUrlRefused,
)
VersionNumber = Annotated[int, Path(ge=1, le=2_147_483_647)]


async def _shown(session: SessionDep, policy: SlaPolicy, response: Response) -> dict[str, Any]:
    set_etag(response, etag_of(policy.version))
    versions = [queries.columns_of(version) for version in await queries.versions_of(session, policy.id)]
    return queries.shown_policy(queries.columns_of(policy), versions)


@router.get(
    "",
    operation_id="listSlaPolicies",
    summary="List SLA policies",
    response_model=SlaPolicyPage,
    dependencies=_READ,
)
async def list_policies(
    reads: ReadSessionDep,
    archived: Annotated[bool, Query(description="The archived ones instead; false when left out.")] = False,  # noqa: FBT002
) -> Any:
    """In the order in which they are tried, all on one page."""
    return await queries.list_policies(reads, archived=archived)


@router.post(
    "",
    operation_id="createSlaPolicy",
    summary="Draft an SLA policy",
    status_code=201,
    response_model=SlaPolicyRead,
    dependencies=_WRITE,
    responses=documents(*_DEFINITION_ERRORS, errors.OlaTeamRequired, errors.SlaPolicyNameTaken, errors.TooManyPolicies),
)
async def create_policy(
    body: SlaPolicyCreate, principal: PrincipalDep, session: SessionDep, database: DatabaseDep, response: Response
) -> Any:
    """Its draft binds nobody until it is published; it is tried after all others until the order is changed."""
    policy, _ = await actions.create_policy(session, database, principal, body)
    response.headers["Location"] = f"/v1/sla-policies/{public_id('slp', policy.id)}"
    return await _shown(session, policy, response)


@router.get(
    "/order",
    operation_id="getSlaPolicyOrder",
    summary="Read the order of the SLA policies",
    response_model=SlaPolicyOrder,
    dependencies=_READ,
)
async def get_order(reads: ReadSessionDep, response: Response) -> Any:
    """Those in use. Its ETag guards a new order against one that somebody else set meanwhile."""
    order = await queries.read_order(reads)
    set_etag(response, etag_of_order(order))
    return {"policy_ids": order}


@router.put(
    "/order",
    operation_id="orderSlaPolicies",
    summary="Order the SLA policies",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(errors.SlaPolicyOrderIncomplete, PreconditionFailed),
)
async def order_policies(
    body: SlaPolicyOrderUpdate, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """Every policy in use once. Open tickets follow within seconds, as when one is published."""
    await actions.order_policies(session, principal, body.policy_ids, if_match)


@router.get(
    "/{policy_id}",
    operation_id="getSlaPolicy",
    summary="Read an SLA policy",
    response_model=SlaPolicyRead,
    dependencies=_READ,
    responses=documents(errors.SlaPolicyNotFound),
)
async def get_policy(policy_id: SlaPolicyId, reads: ReadSessionDep, response: Response) -> Any:
    """With the version in force, the one that waits for its instant, and the draft."""
    found, version = await queries.get_policy(reads, policy_id)
    set_etag(response, etag_of(version))
    return found


@router.patch(
    "/{policy_id}",
    operation_id="updateSlaPolicy",
    summary="Change an SLA policy's name or draft",
    response_model=SlaPolicyRead,
    dependencies=_WRITE,
    responses=documents(
        errors.SlaPolicyNotFound,
        errors.SlaPolicyArchived,
        errors.SlaPolicyNameTaken,
        PreconditionFailed,
        *_DEFINITION_ERRORS,
    ),
)
async def update_policy(
    policy_id: SlaPolicyId,
    body: SlaPolicyUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """JSON merge patch; lists and conditions are replaced as a whole. What was published is never changed."""
    policy = await queries.lock_policy(session, policy_id)
    if_match.check(etag_of(policy.version))
    await actions.update_policy(session, database, principal, policy, body)
    await session.flush()
    return await _shown(session, policy, response)


@router.delete(
    "/{policy_id}",
    operation_id="archiveSlaPolicy",
    summary="Archive an SLA policy",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(errors.SlaPolicyNotFound, PreconditionFailed),
)
async def archive_policy(
    policy_id: SlaPolicyId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """It promises nothing more; open tickets then follow the next policy whose conditions hold."""
    policy = await queries.lock_policy(session, policy_id)
    if_match.check(etag_of(policy.version))
    await actions.archive_policy(session, principal, policy)


@router.post(
    "/{policy_id}/publish",
    operation_id="publishSlaPolicy",
    summary="Publish an SLA policy's draft",
    response_model=SlaPolicyRead,
    dependencies=_WRITE,
    responses=documents(
        errors.SlaPolicyNotFound,
        errors.SlaPolicyArchived,
        errors.NoDraft,
        errors.EffectiveDateInPast,
        errors.VersionAlreadyScheduled,
        errors.EscalationLoop,
        errors.CalendarArchived,
        UnknownReference,
        PreconditionFailed,
    ),
)
async def publish_policy(
    policy_id: SlaPolicyId,
    body: SlaPolicyPublish,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """In force from its instant on. Open tickets follow then: time used stays, and recorded breaches stay."""
    await actions.lock_order(session)
    policy = await queries.lock_policy(session, policy_id)
    if_match.check(etag_of(policy.version))
    await actions.publish(session, principal, policy, body)
    return await _shown(session, policy, response)


@router.post(
    "/{policy_id}/preview",
    operation_id="previewSlaPolicy",
    summary="See what publishing would do",
    response_model=SlaPolicyPreview,
    dependencies=_WRITE,
    responses=documents(errors.SlaPolicyNotFound, errors.NoDraft, errors.EffectiveDateInPast),
)
async def preview_policy(
    policy_id: SlaPolicyId, body: SlaPolicyPublish, reads: ReadSessionDep, database: DatabaseDep
) -> Any:
    """The open tickets whose deadlines would move, by how much, and which would be late. Nothing is changed."""
    if body.effective_from is not None and body.effective_from < clock.now():
        raise errors.EffectiveDateInPast(pointer="#/effective_from")
    return await preview(reads, database, policy_id, effective_from=body.effective_from)


@router.get(
    "/{policy_id}/versions",
    operation_id="listSlaPolicyVersions",
    summary="List an SLA policy's versions",
    response_model=SlaPolicyVersionPage,
    dependencies=_READ,
    responses=documents(errors.SlaPolicyNotFound, InvalidCursor),
)
async def list_versions(policy_id: SlaPolicyId, page: PageDep, reads: ReadSessionDep, response: Response) -> Any:
    """Newest first, the draft included."""
    found = await queries.list_versions(reads, policy_id, page)
    add_links(response, page, found)
    return found


@router.get(
    "/{policy_id}/versions/{number}",
    operation_id="getSlaPolicyVersion",
    summary="Read a version of an SLA policy",
    response_model=SlaPolicyVersionRead,
    dependencies=_READ,
    responses=documents(errors.SlaPolicyNotFound, errors.SlaPolicyVersionNotFound),
)
async def get_version(policy_id: SlaPolicyId, number: VersionNumber, reads: ReadSessionDep, response: Response) -> Any:
    """As clocks and explanations name it."""
    found = await queries.get_version(reads, policy_id, number)
    set_etag(response, queries.version_etag(found))
    return found


@router.delete(
    "/{policy_id}/versions/{number}",
    operation_id="withdrawSlaPolicyVersion",
    summary="Drop a draft, or withdraw a version that is not yet in force",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(
        errors.SlaPolicyNotFound,
        errors.SlaPolicyVersionNotFound,
        errors.SlaPolicyVersionInForce,
        errors.EscalationLoop,
        PreconditionFailed,
    ),
)
async def withdraw_version(
    policy_id: SlaPolicyId, number: VersionNumber, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """Its instant must still lie ahead; the version before it then stays in force."""
    await actions.lock_order(session)
    policy = await queries.lock_policy(session, policy_id)
    version = await queries.version_of(session, policy_id, number)
    if_match.check(queries.version_etag(version))
    await actions.withdraw_version(session, principal, policy, version)
