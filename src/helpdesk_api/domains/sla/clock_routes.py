"""A ticket's clocks over HTTP."""

from typing import Any

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database import clock
from helpdesk_api.database.ids import SlaClockId
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.sla import clock_actions, clock_queries, errors, simulation
from helpdesk_api.domains.sla.calendar_queries import timelines_within
from helpdesk_api.domains.sla.clock_reading import Reading
from helpdesk_api.domains.sla.clock_schemas import (
    DeadlineUpdate,
    SlaCycle,
    SlaDeadline,
    SlaExplanation,
    SlaList,
    SlaSimulate,
    SlaSimulation,
)
from helpdesk_api.domains.tickets.errors import CHANGE_ERRORS, ActionForbidden, TicketNotFound, TransitionNotAllowed
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep
from helpdesk_api.web.errors import PreconditionFailed, UnknownReference, documents
from helpdesk_api.web.preconditions import IfMatchDep, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(
    prefix="/v1/tickets/{ticket_id}/slas",
    tags=["slas"],
    about=(
        "Clocks of what was promised. Pauses are never counted, also retroactively. A change of priority or policy "
        "keeps the time used. A recorded breach is never undone. The first response never restarts. The resolution "
        "goes on after a reopening inside the reopen window, without the time between; after the window a new cycle "
        "begins. A calendar's edit keeps the time used and counts the rest on the new hours. A deadline by hand wins "
        "until it is removed, and passes also in a pause. While a ticket's past is imported its clocks warn nobody, "
        "until the first change of today. Every recomputation is an event that says why."
    ),
)
simulation_router = ApiRouter(prefix="/v1/slas", tags=["slas"])
_READ = [requires(Permission.TICKETS_READ)]


@router.get(
    "",
    operation_id="listTicketSlas",
    summary="Read a ticket's clocks",
    response_model=SlaList,
    dependencies=_READ,
    responses=documents(TicketNotFound),
)
async def list_slas(ticket_id: TicketKey, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """Each metric with its ongoing cycle and those that ended; requesters see what was promised to them."""
    return await clock_queries.list_clocks(reads, principal, ticket_id)


@router.get(
    "/{sla_id}/explain",
    operation_id="explainTicketSla",
    summary="Explain a clock",
    response_model=SlaExplanation,
    dependencies=_READ,
    responses=documents(TicketNotFound, errors.SlaNotFound),
)
async def explain_sla(
    ticket_id: TicketKey, sla_id: SlaClockId, principal: PrincipalDep, reads: ReadSessionDep, database: DatabaseDep
) -> Any:
    """Derived from the event log alone: its counted segments add up exactly to the working time used."""
    return await clock_queries.explain(reads, database, principal, ticket_id, sla_id)


@router.get(
    "/{sla_id}/deadline",
    operation_id="getTicketSlaDeadline",
    summary="Read a clock's deadline",
    response_model=SlaDeadline,
    dependencies=_READ,
    responses=documents(TicketNotFound, errors.SlaNotFound),
)
async def get_deadline(
    ticket_id: TicketKey, sla_id: SlaClockId, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """Its ETag guards a deadline by hand against whatever moved it meanwhile."""
    one = await clock_queries.read_deadline(reads, principal, ticket_id, sla_id)
    set_etag(response, clock_queries.deadline_etag(one))
    return {"id": one.id, "due_at": one.due_at, "manual_due_at": one.manual_due_at}


@router.put(
    "/{sla_id}/deadline",
    operation_id="setTicketSlaDeadline",
    summary="Set a deadline by hand",
    response_model=SlaCycle,
    dependencies=[requires(Permission.TICKETS_WRITE)],
    responses=documents(
        *CHANGE_ERRORS,
        ActionForbidden,
        TransitionNotAllowed,
        errors.SlaNotFound,
        errors.SlaEnded,
        errors.DeadlineInPast,
        errors.SpanTooLong,
        PreconditionFailed,
    ),
)
async def set_deadline(
    visible: VisibleTicketDep,
    sla_id: SlaClockId,
    body: DeadlineUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """It wins over priority, policy, calendar and pauses until it is removed with null."""
    one = await clock_actions.set_deadline(session, principal, visible.ticket, sla_id, body, if_match)
    set_etag(response, clock_queries.deadline_etag(one))
    return Reading(await timelines_within(session), clock.now()).cycle(one)


@simulation_router.post(
    "/simulate",
    operation_id="simulateSlas",
    summary="Ask what the clocks would be",
    response_model=SlaSimulation,
    dependencies=_READ,
    responses=documents(
        TicketNotFound,
        UnknownReference,
        errors.SimulationAmbiguous,
        errors.SimulationContradictory,
        errors.SimulationOutOfOrder,
        errors.SpanTooLong,
    ),
)
async def simulate(body: SlaSimulate, principal: PrincipalDep, reads: ReadSessionDep, database: DatabaseDep) -> Any:
    """For a ticket's facts, or a ticket and changes that did not happen, also before now. Nothing is written."""
    return await simulation.simulate(reads, database, principal, body)


ROUTERS = (router, simulation_router)
