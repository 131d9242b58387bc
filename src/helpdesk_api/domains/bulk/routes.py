"""Bulk changes over HTTP."""

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.session import DatabaseDep, SessionDep
from helpdesk_api.domains.bulk import actions, errors
from helpdesk_api.domains.bulk.schemas import BulkResults, TicketBulk
from helpdesk_api.domains.tickets.errors import TicketRepeated
from helpdesk_api.domains.tickets.routes import answer
from helpdesk_api.web.errors import documents
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/tickets", tags=["tickets"])


@router.post(
    "/bulk",
    operation_id="changeTickets",
    summary="Change many tickets",
    status_code=207,
    response_model=BulkResults,
    dependencies=[requires(Permission.TICKETS_WRITE)],
    responses=documents(TicketRepeated, errors.BulkRolledBack),
)
async def change_tickets(
    body: TicketBulk, principal: PrincipalDep, session: SessionDep, database: DatabaseDep
) -> Response:
    """Always 207 with one result for each item in order, unless it is atomic and one fails: then 409, and nothing was
    changed. The steps of one item are taken all or none. A ticket that leaves the caller's sight by them is changed,
    and not shown."""
    outcomes = await actions.change_tickets(session, database, principal, body)
    response = answer('{"data":[' + ",".join(outcome.json() for outcome in outcomes) + "]}")
    response.status_code = 207
    return response
