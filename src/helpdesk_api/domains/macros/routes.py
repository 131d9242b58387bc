"""Macros over HTTP."""

import json
from typing import Any

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.conditions.checking import InvalidConditions
from helpdesk_api.database.ids import MacroId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.assignments import errors as assignments
from helpdesk_api.domains.comments.errors import MentionCannotRead
from helpdesk_api.domains.forms.errors import FormRequired, InvalidCustomFields
from helpdesk_api.domains.macros import actions, applying, errors, queries
from helpdesk_api.domains.macros.schemas import (
    MacroApply,
    MacroCreate,
    MacroEffect,
    MacroPage,
    MacroPreview,
    MacroRead,
    MacroUpdate,
)
from helpdesk_api.domains.tickets import errors as tickets
from helpdesk_api.domains.tickets.errors import CHANGE_ERRORS, ActionForbidden, TicketMerged, TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep
from helpdesk_api.domains.tickets.routes import answer, current_etag
from helpdesk_api.domains.tickets.seen import get_worked_row
from helpdesk_api.domains.tickets.sharing import SharingForbidden, SharingTeamRequired
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import ExternalPairIncomplete, UnknownReference, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.markdown import TooLongAsHtml
from helpdesk_api.web.placeholders import InvalidTemplate, TemplateLimitReached
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(
    prefix="/v1/macros",
    tags=["macros"],
    about=(
        "Several changes and a reply as one action, made of the steps of the bulk operation. A macro is taken all or "
        "not at all, and its preview shows what it would do without doing it."
    ),
)
ticket_router = ApiRouter(prefix="/v1/tickets/{ticket_id}/macros", tags=["macros"])
_READ = [requires(Permission.TICKETS_READ)]
_WRITE = [requires(Permission.TICKETS_WRITE)]
# What its steps may meet is what their own operations do.
_EFFECT_ERRORS = (
    errors.MacroNotFound,
    errors.MacroNotOffered,
    MissingScope,
    tickets.ActionForbidden,
    tickets.TransitionNotAllowed,
    tickets.ReopenWindowPassed,
    tickets.ChecklistOpen,
    tickets.ResumeInPast,
    tickets.CategoryRetired,
    tickets.ExternalIdTaken,
    tickets.FieldForbidden,
    tickets.InstantInFuture,
    tickets.PriorityReasonRequired,
    tickets.PriorityReasonUnused,
    tickets.TicketAlreadyAssigned,
    assignments.AssigneeNotEligible,
    assignments.AssignmentTargetMissing,
    assignments.TeamRequired,
    assignments.NobodyAvailable,
    MentionCannotRead,
    FormRequired,
    InvalidCustomFields,
    ExternalPairIncomplete,
    UnknownReference,
    InvalidTemplate,
    TemplateLimitReached,
    TooLongAsHtml,
)


@router.get(
    "",
    operation_id="listMacros",
    summary="List macros",
    response_model=MacroPage,
    dependencies=_READ,
    responses=documents(InvalidCursor),
)
async def list_macros(page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """The caller's own, their teams', and the shared ones; by title. Requesters have none."""
    found = await queries.list_macros(reads, principal, page)
    add_links(response, page, found)
    return found


@router.post(
    "",
    operation_id="createMacro",
    summary="Save a macro",
    status_code=201,
    response_model=MacroRead,
    dependencies=_WRITE,
    responses=documents(
        SharingForbidden,
        SharingTeamRequired,
        UnknownReference,
        InvalidTemplate,
        InvalidConditions,
        errors.TooManyMacros,
    ),
)
async def create_macro(body: MacroCreate, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """A personal one by any of the staff, a team's by its supervisors, a shared one by administrators. What it may do
    is decided when it is applied, by the rights of whoever applies it."""
    macro = await actions.create_macro(session, principal, body)
    response.headers["Location"] = f"/v1/macros/{public_id('mac', macro.id)}"
    set_etag(response, etag_of(macro.version))
    return queries.shown(principal, macro)


@router.get(
    "/{macro_id}",
    operation_id="getMacro",
    summary="Read a macro",
    response_model=MacroRead,
    dependencies=_READ,
    responses=documents(errors.MacroNotFound),
)
async def get_macro(macro_id: MacroId, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """As it was saved."""
    row = await queries.get_macro(reads, principal, macro_id)
    set_etag(response, etag_of(row["version"]))
    return queries.shown(principal, row)


@router.patch(
    "/{macro_id}",
    operation_id="updateMacro",
    summary="Change a macro",
    response_model=MacroRead,
    dependencies=_WRITE,
    responses=documents(errors.MacroNotFound, SharingForbidden, InvalidTemplate, InvalidConditions),
)
async def update_macro(
    macro_id: MacroId,
    body: MacroUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """By whoever looks after it."""
    macro = await queries.lock_macro(session, principal, macro_id)
    if_match.check(etag_of(macro.version))
    await actions.update_macro(session, principal, macro, body)
    set_etag(response, etag_of(macro.version))
    return queries.shown(principal, macro)


@router.delete(
    "/{macro_id}",
    operation_id="deleteMacro",
    summary="Delete a macro",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(errors.MacroNotFound, SharingForbidden),
)
async def delete_macro(macro_id: MacroId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep) -> None:
    """By whoever looks after it; what it did stays done."""
    macro = await queries.lock_macro(session, principal, macro_id)
    if_match.check(etag_of(macro.version))
    await actions.delete_macro(session, principal, macro)


def _effect(effect: applying.Effect) -> Response:
    head = json.dumps(
        {
            "ticket_id": public_id("tkt", effect.ticket.id),
            "changes": effect.changes,
            "replies": effect.replies,
            "etag": effect.etag,
        },
        ensure_ascii=False,
    )
    return answer(f'{head[:-1]},"ticket":{effect.body or "null"}}}')


@router.post(
    "/{macro_id}/preview",
    operation_id="previewMacro",
    summary="See what a macro would do",
    response_model=MacroEffect,
    dependencies=_WRITE,
    responses=documents(*_EFFECT_ERRORS, TicketNotFound, TicketMerged),
)
async def preview_macro(
    macro_id: MacroId, body: MacroPreview, principal: PrincipalDep, session: SessionDep, database: DatabaseDep
) -> Response:
    """Each field before and after, and what is said, as applying it now would have it. Nothing is changed, nobody is
    told; a step that would fail is answered with its problem."""
    macro = await queries.get_macro(await statements_of(session), principal, macro_id)
    return _effect(await applying.preview_macro(session, database, principal, body.ticket_id, macro))


@ticket_router.get(
    "",
    operation_id="listTicketMacros",
    summary="List the macros for a ticket",
    response_model=MacroPage,
    dependencies=_READ,
    responses=documents(TicketNotFound, ActionForbidden),
)
async def list_ticket_macros(ticket_id: TicketKey, principal: PrincipalDep, reads: ReadSessionDep) -> Any:
    """Those whose conditions hold now, for those who work on it; all at once, by title."""
    ticket = await get_worked_row(reads, principal, ticket_id)
    return await queries.offered_macros(reads, principal, ticket["id"])


@ticket_router.post(
    "/{macro_id}",
    operation_id="applyTicketMacro",
    summary="Apply a macro",
    response_model=MacroEffect,
    dependencies=_WRITE,
    responses=documents(*_EFFECT_ERRORS, *CHANGE_ERRORS),
    # What it answers is an effect; the ticket's own stands in it.
    openapi_extra={"x-etag": False},
)
async def apply_macro(
    visible: VisibleTicketDep,
    macro_id: MacroId,
    body: MacroApply,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    if_match: IfMatchDep,
) -> Response:
    """All of its steps or none; `If-Match` is the ticket's ETag. `errors` of a step that fails point into the macro's
    steps. The history names the macro as the cause of what it changed."""
    del body
    if_match.check(current_etag(principal, visible.ticket))
    macro = await queries.get_macro(await statements_of(session), principal, macro_id)
    return _effect(await applying.apply_macro(session, database, principal, visible, macro))


ROUTERS = (router, ticket_router)
