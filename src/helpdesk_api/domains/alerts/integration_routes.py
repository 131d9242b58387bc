"""Alert integrations over HTTP."""

from typing import Any

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.conditions.checking import InvalidConditions
from helpdesk_api.database.ids import AlertIntegrationId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.alerts import errors, integrations, queries
from helpdesk_api.domains.alerts.models import AlertIntegration
from helpdesk_api.domains.alerts.schemas import (
    AlertIntegrationCreate,
    AlertIntegrationCreated,
    AlertIntegrationPage,
    AlertIntegrationRead,
    AlertIntegrationUpdate,
    AlertKeyRotate,
)
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import UnknownReference, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import NO_IDEMPOTENCY, ApiRouter

router = ApiRouter(
    prefix="/v1/alert-integrations",
    tags=["alert-integrations"],
    about="Who may send alerts, how their bodies are read, and what becomes of them.",
)
_READ = [requires(Permission.CONFIGURATION_WRITE)]
_WRITE = [requires(Permission.CONFIGURATION_WRITE)]
_SECRET = {NO_IDEMPOTENCY: True}
_NO_STORE = "no-store"


def _shown(integration: AlertIntegration) -> dict[str, Any]:
    row = {column.key: getattr(integration, column.key) for column in AlertIntegration.__table__.c}
    return queries.read_row(row)


@router.get(
    "",
    operation_id="listAlertIntegrations",
    summary="List alert integrations",
    response_model=AlertIntegrationPage,
    dependencies=_READ,
    responses=documents(InvalidCursor),
)
async def list_integrations(page: PageDep, reads: ReadSessionDep, response: Response) -> Any:
    """Newest first."""
    answer = await queries.list_integrations(reads, page)
    add_links(response, page, answer)
    return answer


@router.post(
    "",
    operation_id="createAlertIntegration",
    summary="Create an alert integration",
    status_code=201,
    response_model=AlertIntegrationCreated,
    dependencies=_WRITE,
    responses=documents(UnknownReference, InvalidConditions, errors.InvalidMapping),
    openapi_extra={**_SECRET, "x-etag": True},
)
async def create_integration(
    body: AlertIntegrationCreate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    response: Response,
) -> Any:
    """The routing key is shown this once. A service account of the same name is made, which owns its tickets."""
    integration, key = await integrations.create_integration(session, database, principal, body)
    response.headers["Location"] = f"/v1/alert-integrations/{public_id('ain', integration.id)}"
    response.headers["Cache-Control"] = _NO_STORE
    set_etag(response, etag_of(integration.version))
    return {**_shown(integration), "routing_key": key}


@router.get(
    "/{integration_id}",
    operation_id="getAlertIntegration",
    summary="Read an alert integration",
    response_model=AlertIntegrationRead,
    dependencies=_READ,
    responses=documents(errors.AlertIntegrationNotFound),
)
async def get_integration(integration_id: AlertIntegrationId, reads: ReadSessionDep, response: Response) -> Any:
    """Never its key."""
    row = await queries.get_integration(reads, integration_id)
    set_etag(response, etag_of(row["version"]))
    return row


@router.patch(
    "/{integration_id}",
    operation_id="updateAlertIntegration",
    summary="Change an alert integration",
    response_model=AlertIntegrationRead,
    dependencies=_WRITE,
    responses=documents(errors.AlertIntegrationNotFound, UnknownReference, InvalidConditions, errors.InvalidMapping),
)
async def update_integration(
    integration_id: AlertIntegrationId,
    body: AlertIntegrationUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """In force at once on every process. One that is not active takes no alerts; its tickets stay."""
    integration = await queries.lock_integration(session, integration_id)
    if_match.check(etag_of(integration.version))
    await integrations.update_integration(session, database, principal, integration, body)
    set_etag(response, etag_of(integration.version))
    return _shown(integration)


@router.post(
    "/{integration_id}/key",
    operation_id="rotateAlertIntegrationKey",
    summary="Give it a new routing key",
    response_model=AlertIntegrationCreated,
    dependencies=_WRITE,
    responses=documents(errors.AlertIntegrationNotFound),
    openapi_extra=_SECRET,
)
async def rotate_key(
    integration_id: AlertIntegrationId,
    body: AlertKeyRotate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
) -> Any:
    """Shown this once. The old key stops at once, or when its grace ends."""
    integration = await queries.lock_integration(session, integration_id)
    key = await integrations.change_key(session, principal, integration, body.grace_seconds)
    response.headers["Cache-Control"] = _NO_STORE
    return {**_shown(integration), "routing_key": key}
