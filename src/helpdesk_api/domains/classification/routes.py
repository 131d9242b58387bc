"""What is guessed of tickets, over HTTP; all of it is the staff's."""

from typing import Any

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.assignments.errors import StaffOnly
from helpdesk_api.domains.assignments.policy import require_staff
from helpdesk_api.domains.classification import actions, queries, report
from helpdesk_api.domains.classification.languages import can_detect
from helpdesk_api.domains.classification.schemas import (
    ClassificationRead,
    ClassificationReport,
    ClassificationSettingsRead,
    ClassificationSettingsUpdate,
    TicketClassificationRead,
)
from helpdesk_api.domains.classification.state import engine_within
from helpdesk_api.domains.tickets.errors import ActionForbidden, TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey
from helpdesk_api.domains.tickets.seen import get_worked_row
from helpdesk_api.web.errors import PreconditionFailed, PreconditionRequired, documents
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

ticket_router = ApiRouter(prefix="/v1/tickets/{ticket_id}/classification", tags=["classification"])
router = ApiRouter(
    prefix="/v1/classification",
    tags=["classification"],
    about=(
        "Type, category, priority and team of new tickets, guessed by what was learned from the tickets before. What "
        "the caller says and what the rules say always wins; a guess decides from a confidence on that is set for each "
        "field, and is a suggestion below. Without the extra `ai` there are the routing rules with their keywords."
    ),
)
_READ = [requires(Permission.CONFIGURATION_READ)]
_WRITE = [requires(Permission.CONFIGURATION_WRITE)]


@ticket_router.get(
    "",
    operation_id="getTicketClassification",
    summary="Read what was guessed of a ticket",
    response_model=TicketClassificationRead,
    dependencies=[requires(Permission.TICKETS_READ)],
    responses=documents(TicketNotFound, ActionForbidden),
    openapi_extra={"x-etag": True},
)
async def get_ticket_classification(ticket_id: TicketKey, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """For each field how sure the model was and why, whether it decided, and what the ticket has now. Staff only."""
    ticket = await get_worked_row(reads, principal, ticket_id)
    return await queries.read_classification(reads, principal, ticket["id"])


@router.get(
    "",
    operation_id="getClassification",
    summary="Read what sorts new tickets",
    response_model=ClassificationRead,
    dependencies=_READ,
    responses=documents(StaffOnly),
    openapi_extra={"x-etag": True},
)
async def get_classification(principal: PrincipalDep, session: SessionDep) -> Any:
    """The learned model with what it was measured at, or keyword rules and why there is no model."""
    require_staff(principal)
    engine = await engine_within(session)
    return {
        "engine": engine.name,
        "reason": engine.reason,
        "problem": engine.problem,
        "detects_languages": can_detect(),
        "training": await queries.active_training(session),
    }


@router.get(
    "/report",
    operation_id="getClassificationReport",
    summary="Read how good the guesses are",
    response_model=ClassificationReport,
    dependencies=_READ,
    responses=documents(StaffOnly),
)
async def get_classification_report(principal: PrincipalDep, session: SessionDep) -> Any:
    """Accuracy, macro-F1, coverage, calibration, confusion and drift of 90 days, by month for a year, by training."""
    require_staff(principal)
    engine = await engine_within(session)
    return {
        "engine": engine.name,
        "reason": engine.reason,
        "detects_languages": can_detect(),
        **await report.build_report(session, engine.state.thresholds),
        "trainings": await queries.list_trainings(session),
    }


@router.get(
    "/settings",
    operation_id="getClassificationSettings",
    summary="Read from where on guesses decide",
    response_model=ClassificationSettingsRead,
    dependencies=_READ,
    responses=documents(StaffOnly),
    openapi_extra={"x-etag": True},
)
async def get_classification_settings(principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """A confidence for each field."""
    require_staff(principal)
    settings = await actions.read_settings(session)
    set_etag(response, etag_of(settings.version if settings is not None else 0))
    return actions.shown_settings(settings)


@router.put(
    "/settings",
    operation_id="replaceClassificationSettings",
    summary="Set from where on guesses decide",
    response_model=ClassificationSettingsRead,
    dependencies=_WRITE,
    responses=documents(PreconditionRequired, PreconditionFailed),
    openapi_extra={"x-etag": True},
)
async def replace_classification_settings(
    body: ClassificationSettingsUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """All of them at once, `If-Match` required. Tickets keep what was decided."""
    settings = await actions.replace_settings(session, principal, body, if_match)
    set_etag(response, etag_of(settings.version))
    return actions.shown_settings(settings)


ROUTERS = (ticket_router, router)
