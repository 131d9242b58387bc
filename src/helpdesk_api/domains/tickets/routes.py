"""Tickets over HTTP: parse, name the permission, answer with the one representation."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.query_language import InvalidQuery
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.forms.errors import FormArchived, FormRequired, InvalidCustomFields
from helpdesk_api.domains.tickets import (
    actions,
    errors,
    opening,
    policy,
    queries,
    representation,
)
from helpdesk_api.domains.tickets.filters import SORT_DESCRIPTION, SORT_PATTERN, TicketFiltersDep
from helpdesk_api.domains.tickets.includes import NAMES, included_json, parse_include
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.page_schemas import TicketPage
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep
from helpdesk_api.domains.tickets.schemas import (
    TicketCancel,
    TicketClose,
    TicketConfirm,
    TicketCreate,
    TicketDetail,
    TicketPend,
    TicketRate,
    TicketReopen,
    TicketResolve,
    TicketResume,
    TicketStart,
    TicketUpdate,
)
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import ExternalPairIncomplete, ProblemError, UnknownReference, documents
from helpdesk_api.web.listing import PageDep, link_header
from helpdesk_api.web.markdown import TooLongAsHtml
from helpdesk_api.web.placeholders import TemplateLimitReached
from helpdesk_api.web.preconditions import IfMatchDep
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/tickets", tags=["tickets"])
READ = [requires(Permission.TICKETS_READ)]
WRITE = [requires(Permission.TICKETS_WRITE)]
_includes = "|".join(NAMES)
Include = Annotated[
    str | None,
    Query(
        max_length=120,
        pattern=f"^({_includes})(,({_includes})){{0,{len(NAMES) - 1}}}$",
        description=f"Bring along, once each: {', '.join(NAMES)}.",
    ),
]
Sort = Annotated[
    str | None,
    Query(
        max_length=80,
        pattern=SORT_PATTERN,
        description=SORT_DESCRIPTION,
    ),
]
Highlights = Annotated[
    bool, Query(description="Where the text was found, with the matches marked; false when left out.")
]
Endpoint = Callable[..., Coroutine[Any, Any, Response]]
_VERB_ERRORS = (
    *errors.CHANGE_ERRORS,
    errors.ActionForbidden,
    errors.TransitionNotAllowed,
)


def answer(body: str, **headers: str | None) -> Response:
    """JSON text as it is; a header that is None is left out."""
    kept = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    return Response(body.encode(), media_type="application/json", headers=kept)


async def _written(session: SessionDep, principal: Principal, ticket: Ticket, *, status: int = 200) -> Response:
    """The answer of every write: the ticket as its caller now sees it, with its ETag."""
    row = await queries.written_row(session, principal, ticket)
    response = answer(representation.detail_json(principal, row), ETag=representation.etag(row))
    response.status_code = status
    if status == 201:  # noqa: PLR2004
        response.headers["Location"] = f"/v1/tickets/tkt_{ticket.id.hex}"
    return response


def current_etag(principal: Principal, ticket: Ticket) -> str:
    """As this caller was last shown it: internal changes move only the staff's."""
    internal = policy.works_on(principal, ticket)
    return f'"s{ticket.version}"' if internal else f'"p{ticket.public_version}"'


@router.post(
    "",
    operation_id="createTicket",
    summary="Open a ticket",
    status_code=201,
    response_model=TicketDetail,
    dependencies=WRITE,
    responses=documents(
        errors.AttachmentNotUsable,
        UnknownReference,
        MissingScope,
        errors.CategoryRetired,
        errors.ExternalIdTaken,
        ExternalPairIncomplete,
        errors.FieldForbidden,
        errors.InstantInFuture,
        errors.PriorityReasonRequired,
        errors.PriorityReasonUnused,
        errors.TicketFieldMissing,
        TooLongAsHtml,
        TemplateLimitReached,
        FormArchived,
        FormRequired,
        InvalidCustomFields,
    ),
)
async def create_ticket(
    body: TicketCreate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
) -> Response:
    """The answer already shows category, priority, team and assignee: an explicit value wins, then routing rules,
    then the category's defaults; the assignee is the free member with the least open load."""
    ticket = await opening.open_ticket(session, database, principal, body)
    return await _written(session, principal, ticket, status=201)


@router.get(
    "",
    operation_id="listTickets",
    summary="List tickets",
    response_model=TicketPage,
    dependencies=READ,
    responses=documents(InvalidCursor, InvalidQuery, errors.RelevanceNeedsText, errors.UnknownSort),
)
async def list_tickets(
    filters: TicketFiltersDep,
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    sort: Sort = None,
    include: Include = None,
    counts: Annotated[bool, Query(description="Facets over the same filters; false when left out.")] = False,  # noqa: FBT002
    highlights: Highlights = False,  # noqa: FBT002
) -> Response:
    """Everything that the caller may see, filtered; one call serves a whole queue screen."""
    body, next_cursor, prev_cursor = await queries.list_tickets(
        reads,
        principal,
        filters,
        page,
        sort=sort,
        include=parse_include(include),
        with_counts=counts,
        with_highlights=highlights,
    )
    return answer(body, Link=link_header(page, next_cursor, prev_cursor))


@router.get(
    "/{ticket_id}",
    operation_id="getTicket",
    summary="Read a ticket",
    response_model=TicketDetail,
    dependencies=READ,
    responses=documents(errors.TicketNotFound),
    openapi_extra={"x-content-location": True},
)
async def get_ticket(
    ticket_id: TicketKey,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    include: Include = None,
) -> Response:
    """By id or reference. Requesters get internal fields as null. A merged one answers with the ticket that goes on
    for it, named in `Content-Location`, to whoever can see that."""
    row, is_target = await queries.get_followed_row(reads, principal, ticket_id)
    included = await included_json(reads, principal, parse_include(include), [row])
    return answer(
        representation.detail_json(principal, row, included),
        ETag=representation.etag(row),
        Content_Location=f"/v1/tickets/tkt_{row['id'].hex}" if is_target else None,
    )


@router.patch(
    "/{ticket_id}",
    operation_id="updateTicket",
    summary="Change fields of a ticket",
    response_model=TicketDetail,
    dependencies=WRITE,
    responses=documents(
        *_VERB_ERRORS,
        errors.AttachmentNotUsable,
        UnknownReference,
        MissingScope,
        errors.CategoryRetired,
        errors.ExternalIdTaken,
        ExternalPairIncomplete,
        errors.FieldForbidden,
        errors.InstantInFuture,
        errors.PriorityReasonRequired,
        errors.PriorityReasonUnused,
        TooLongAsHtml,
        FormRequired,
        InvalidCustomFields,
    ),
)
async def update_ticket(
    visible: VisibleTicketDep,
    body: TicketUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    if_match: IfMatchDep,
) -> Response:
    """JSON merge patch. Status, team and assignee have operations of their own."""
    if_match.check(current_etag(principal, visible.ticket))
    await opening.update_ticket(session, database, principal, visible.ticket, body)
    return await _written(session, principal, visible.ticket)


def _verb(path: str, operation_id: str, summary: str, *more: type[ProblemError]) -> Callable[[Endpoint], Endpoint]:
    return router.post(
        f"/{{ticket_id}}/{path}",
        operation_id=operation_id,
        summary=summary,
        response_model=TicketDetail,
        dependencies=WRITE,
        responses=documents(*_VERB_ERRORS, *more),
    )


@_verb("start", "startTicket", "Start work", errors.TicketAlreadyAssigned)
async def start_ticket(
    visible: VisibleTicketDep,
    body: TicketStart,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
) -> Response:
    """Open to in progress. Starting unassigned work takes it; of two who do, one is told who has it."""
    del body
    if_match.check(current_etag(principal, visible.ticket))
    await actions.start_ticket(session, principal, visible.ticket)
    return await _written(session, principal, visible.ticket)


@_verb("pend", "pendTicket", "Wait for somebody or something", errors.ResumeInPast)
async def pend_ticket(
    visible: VisibleTicketDep,
    body: TicketPend,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
) -> Response:
    """A requester's public reply resumes it; with `resumes_at` it also resumes by itself."""
    if_match.check(current_etag(principal, visible.ticket))
    await actions.pend_ticket(session, principal, visible.ticket, body)
    return await _written(session, principal, visible.ticket)


@_verb("resume", "resumeTicket", "Go on after waiting")
async def resume_ticket(
    visible: VisibleTicketDep,
    body: TicketResume,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
) -> Response:
    """Pending to in progress."""
    del body
    if_match.check(current_etag(principal, visible.ticket))
    await actions.resume_ticket(session, principal, visible.ticket)
    return await _written(session, principal, visible.ticket)


@_verb("resolve", "resolveTicket", "Resolve", UnknownReference, errors.ChecklistOpen)
async def resolve_ticket(
    visible: VisibleTicketDep,
    body: TicketResolve,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
) -> Response:
    """The requester is asked to confirm; unanswered, it closes by itself at `closes_at`.

    `article_id` says which article served. Without one, the answer's `allowed_actions` offers `draft_article` to who
    may write one, and `GET /v1/tickets/{ticket_id}/suggestions` names those that may have served.
    """
    if_match.check(current_etag(principal, visible.ticket))
    await actions.resolve_ticket(session, principal, visible.ticket, body)
    return await _written(session, principal, visible.ticket)


@_verb("confirm", "confirmTicket", "Confirm the resolution")
async def confirm_ticket(
    visible: VisibleTicketDep,
    body: TicketConfirm,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
) -> Response:
    """By the requester alone; the ticket is closed."""
    del body
    if_match.check(current_etag(principal, visible.ticket))
    await actions.confirm_ticket(session, principal, visible.ticket)
    return await _written(session, principal, visible.ticket)


@_verb("rate", "rateTicket", "Rate the work")
async def rate_ticket(
    visible: VisibleTicketDep,
    body: TicketRate,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
) -> Response:
    """By the requester, once it is resolved; nobody rates their own work."""
    if_match.check(current_etag(principal, visible.ticket))
    await actions.rate_ticket(session, principal, visible.ticket, body)
    return await _written(session, principal, visible.ticket)


@_verb("reopen", "reopenTicket", "Dispute the resolution", errors.ReopenWindowPassed)
async def reopen_ticket(
    visible: VisibleTicketDep,
    body: TicketReopen,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
) -> Response:
    """Requesters inside the reopen window, staff while it is resolved. A closed ticket is final: reply to it."""
    if_match.check(current_etag(principal, visible.ticket))
    await actions.reopen_ticket(session, principal, visible.ticket, body)
    return await _written(session, principal, visible.ticket)


@_verb("close", "closeTicket", "Close without confirmation")
async def close_ticket(
    visible: VisibleTicketDep,
    body: TicketClose,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
) -> Response:
    """By staff, for a resolved ticket."""
    del body
    if_match.check(current_etag(principal, visible.ticket))
    await actions.close_ticket(session, principal, visible.ticket)
    return await _written(session, principal, visible.ticket)


@_verb("cancel", "cancelTicket", "Cancel")
async def cancel_ticket(
    visible: VisibleTicketDep,
    body: TicketCancel,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
) -> Response:
    """By staff or the requester, while it is not resolved."""
    if_match.check(current_etag(principal, visible.ticket))
    await actions.cancel_ticket(session, principal, visible.ticket, body)
    return await _written(session, principal, visible.ticket)


ROUTERS = (router,)
