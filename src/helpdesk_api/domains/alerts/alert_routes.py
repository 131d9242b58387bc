"""Alerts over HTTP: what came in, and what a body would do."""

from typing import Annotated, Any

from fastapi import Depends
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import AlertId, AlertIntegrationId
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.alerts import errors, listing, queries, trying
from helpdesk_api.domains.alerts.alert_schemas import AlertPage, AlertRead, AlertTest, AlertTestResults
from helpdesk_api.domains.alerts.listing import AlertFilters
from helpdesk_api.domains.tickets.errors import ActionForbidden, TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey
from helpdesk_api.domains.tickets.seen import get_worked_row
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/alerts", tags=["alerts"])
ticket_router = ApiRouter(prefix="/v1/tickets/{ticket_id}/alerts", tags=["alerts"])
test_router = ApiRouter(prefix="/v1/alert-integrations", tags=["alert-integrations"])
_READ = [requires(Permission.TICKETS_READ)]
FiltersDep = Annotated[AlertFilters, Depends()]


@router.get(
    "",
    operation_id="listAlerts",
    summary="List alerts",
    response_model=AlertPage,
    dependencies=_READ,
    responses=documents(InvalidCursor),
)
async def list_alerts(
    page: PageDep, filters: FiltersDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """Of the tickets on which the caller works, newest first."""
    answer = await listing.list_alerts(reads, principal, filters, page)
    add_links(response, page, answer)
    return answer


@router.get(
    "/{alert_id}",
    operation_id="getAlert",
    summary="Read an alert",
    response_model=AlertRead,
    dependencies=_READ,
    responses=documents(errors.AlertNotFound),
)
async def get_alert(alert_id: AlertId, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """As its sender last described it."""
    row = await listing.get_alert(reads, principal, alert_id)
    set_etag(response, etag_of(row["version"]))
    return dict(row)


@ticket_router.get(
    "",
    operation_id="listTicketAlerts",
    summary="List a ticket's alerts",
    response_model=AlertPage,
    dependencies=_READ,
    responses=documents(TicketNotFound, ActionForbidden, InvalidCursor),
)
async def list_ticket_alerts(
    ticket_id: TicketKey,
    page: PageDep,
    filters: FiltersDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
) -> Any:
    """All that it is about, for those who work on it: of a storm's incident there may be thousands."""
    ticket = await get_worked_row(reads, principal, ticket_id)
    answer = await listing.list_alerts(reads, principal, filters, page, ticket_id=ticket["id"])
    add_links(response, page, answer)
    return answer


@test_router.post(
    "/{integration_id}/test",
    operation_id="testAlertIntegration",
    summary="See what a body would do",
    response_model=AlertTestResults,
    dependencies=[requires(Permission.CONFIGURATION_WRITE)],
    responses=documents(errors.AlertIntegrationNotFound, errors.UnreadableAlert, errors.AlertBodyTooLarge),
    openapi_extra={"x-etag": False},
)
async def test_integration(
    integration_id: AlertIntegrationId,
    body: AlertTest,
    session: SessionDep,
    database: DatabaseDep,
    reads: ReadSessionDep,
) -> Any:
    """Everything is decided as for a real body, also category, priority, team and assignee, and nothing is kept.

    Signatures are not asked for.
    """
    row = await queries.get_integration(reads, integration_id)
    return {"alerts": await trying.try_alerts(session, database, queries.integration_of(row), body)}


ROUTERS = (router, ticket_router, test_router)
