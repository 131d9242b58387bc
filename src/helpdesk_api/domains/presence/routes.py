"""Presence over HTTP."""

from typing import Any

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.presence import actions, queries
from helpdesk_api.domains.presence.schemas import PresencePage, PresenceUpdate
from helpdesk_api.domains.tickets.errors import ActionForbidden, TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey
from helpdesk_api.domains.tickets.seen import AttendedTicketDep, get_worked_row
from helpdesk_api.web.errors import documents
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(
    prefix="/v1/tickets/{ticket_id}/presence",
    tags=["presence"],
    about=(
        "Who is looking at a ticket or writing a reply. Expires by itself after a minute; for those who work on it. "
        "Everybody says it of themselves alone, so it has no ETag: nobody could overwrite another's."
    ),
)
_ERRORS = (TicketNotFound, ActionForbidden)


@router.get(
    "",
    operation_id="listTicketPresence",
    summary="See who is there",
    response_model=PresencePage,
    dependencies=[requires(Permission.TICKETS_READ)],
    responses=documents(*_ERRORS),
)
async def list_presence(ticket_id: TicketKey, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """Without being there oneself."""
    row = await get_worked_row(reads, principal, ticket_id)
    return queries.shown(await reads.fetch(queries.present(row["id"])))


@router.put(
    "",
    operation_id="setTicketPresence",
    summary="Be there",
    response_model=PresencePage,
    dependencies=[requires(Permission.TICKETS_WRITE)],
    responses=documents(*_ERRORS),
)
async def set_presence(
    worked: AttendedTicketDep, body: PresenceUpdate, principal: PrincipalDep, session: SessionDep
) -> Any:
    """Holds for a minute, and answers with everybody who is there: one call every half minute serves both."""
    await actions.arrive(session, principal, worked.seen_id, body.state)
    return queries.shown((await session.execute(queries.present(worked.seen_id))).mappings())


@router.delete(
    "",
    operation_id="clearTicketPresence",
    summary="Leave",
    status_code=204,
    dependencies=[requires(Permission.TICKETS_WRITE)],
    responses=documents(*_ERRORS),
)
async def clear_presence(worked: AttendedTicketDep, principal: PrincipalDep, session: SessionDep) -> None:
    """Who does not say so leaves within the minute."""
    await actions.leave(session, principal, worked.seen_id)
