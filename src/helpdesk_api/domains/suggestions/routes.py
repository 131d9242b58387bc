"""Suggestions over HTTP."""

from functools import partial
from typing import Annotated, Any

from fastapi import Query, Request

from helpdesk_api.authorization.dependencies import PrincipalDep, requires, signed_in
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import SuggestionId
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.database.writes import statements_of
from helpdesk_api.database.written_statements import statements_alone
from helpdesk_api.domains.suggestions import actions, errors, queries
from helpdesk_api.domains.suggestions.report import report
from helpdesk_api.domains.suggestions.schemas import (
    SuggestionCreate,
    SuggestionOutcomeCreate,
    SuggestionRead,
    SuggestionReport,
    SuggestionResultRead,
    TicketSuggestions,
)
from helpdesk_api.domains.suggestions.similar import understand
from helpdesk_api.domains.tickets.errors import ActionForbidden, TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey
from helpdesk_api.web.errors import UnknownReference, documents
from helpdesk_api.web.idempotency import claim_key, is_keyed
from helpdesk_api.web.routing import LATE_CLAIM, ApiRouter
from helpdesk_api.web.schemas import RequestInstant

ticket_router = ApiRouter(prefix="/v1/tickets/{ticket_id}", tags=["suggestions"])
router = ApiRouter(
    prefix="/v1/suggestions",
    tags=["suggestions"],
    about=(
        "Articles and tickets that may help, each with its score, its evidence and the model that found it; never "
        "anything that the caller may not read."
    ),
)


@ticket_router.get(
    "/suggestions",
    operation_id="suggestForTicket",
    summary="Suggest what may help with a ticket",
    response_model=TicketSuggestions,
    dependencies=[requires(Permission.TICKETS_READ)],
    responses=documents(TicketNotFound, ActionForbidden),
)
async def suggest_for_ticket(ticket_id: TicketKey, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """For those who work on it: resolved tickets like it, articles, duplicates, and whether many report the same."""
    return await queries.suggest_for_ticket(reads, principal, ticket_id)


@router.post(
    "",
    operation_id="suggest",
    summary="Suggest while somebody types",
    response_model=SuggestionRead,
    dependencies=[signed_in()],
    responses=documents(UnknownReference),
    openapi_extra={LATE_CLAIM: True},
)
async def suggest(
    body: SuggestionCreate, principal: PrincipalDep, request: Request, database: DatabaseDep, session: SessionDep
) -> Any:
    """Articles, and the caller's own tickets. What is typed is not kept; that something was suggested is counted."""
    async with database.reads() as reads:
        asked = await understand(reads, f"{body.subject}\n{body.description or ''}", is_typed=True)
        by_words = await queries.look_for_words(reads, principal, asked)
        found = await queries.suggest(reads, principal, asked, by_words)
        searched_by = await asked.searched_by(reads)
        show = partial(actions.show_and_keep, principal=principal, suggestion_id=body.suggestion_id, found=found)
        # Nothing else is written then, and one statement is a transaction of its own.
        shown = await show(statements_alone(reads)) if not is_keyed(request) else None
    if shown is None:
        await claim_key(request, session)
        shown = await show(await statements_of(session))
    suggestion_id, articles = shown
    return {
        "id": suggestion_id,
        **searched_by,
        "articles": articles,
        "tickets": found.tickets,
    }


@router.post(
    "/{suggestion_id}/outcome",
    operation_id="endSuggestion",
    summary="Tell how it ended",
    response_model=SuggestionResultRead,
    dependencies=[signed_in()],
    responses=documents(errors.SuggestionNotFound, errors.DeflectedWithTicket, UnknownReference),
)
async def end_suggestion(
    suggestion_id: SuggestionId, body: SuggestionOutcomeCreate, principal: PrincipalDep, session: SessionDep
) -> Any:
    """By who was shown them. Untold, a ticket that they open within a day counts as `ticket_opened`."""
    return await actions.end_suggestion(session, principal, suggestion_id, body)


@router.get(
    "/report",
    operation_id="reportSuggestions",
    summary="Report what suggestions spared",
    response_model=SuggestionReport,
    dependencies=[requires(Permission.ARTICLES_WRITE)],
    responses=documents(errors.ReportSpanInvalid),
)
async def report_suggestions(
    principal: PrincipalDep,
    reads: ReadSessionDep,
    since: Annotated[
        RequestInstant | None, Query(description="Inclusive; 30 days before `until` when left out.")
    ] = None,
    until: Annotated[RequestInstant | None, Query(description="Exclusive; now when left out.")] = None,
) -> Any:
    """For authors: how many texts something was suggested to, and how they ended."""
    return await report(reads, principal, since=since, until=until)


ROUTERS = (ticket_router, router)
