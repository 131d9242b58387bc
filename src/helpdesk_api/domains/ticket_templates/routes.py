"""Ticket templates over HTTP."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import CategoryId, TicketTemplateId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.ticket_templates import actions, errors, queries
from helpdesk_api.domains.ticket_templates.schemas import (
    TicketTemplateCreate,
    TicketTemplatePage,
    TicketTemplateRead,
    TicketTemplateUpdate,
)
from helpdesk_api.web.errors import UnknownReference, documents
from helpdesk_api.web.placeholders import InvalidTemplate
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(
    prefix="/v1/ticket-templates",
    tags=["ticket-templates"],
    about=(
        "Prefilled tickets: `template_id` in `POST /v1/tickets` fills in what the body leaves out, and the form of "
        "the category asks what it always asks."
    ),
)
_READ = [requires(Permission.CONFIGURATION_READ)]
_WRITE = [requires(Permission.CONFIGURATION_WRITE)]


@router.get(
    "",
    operation_id="listTicketTemplates",
    summary="List ticket templates",
    response_model=TicketTemplatePage,
    dependencies=_READ,
)
async def list_ticket_templates(
    principal: PrincipalDep,
    reads: ReadSessionDep,
    database: DatabaseDep,
    category_id: Annotated[
        CategoryId | None, Query(description="Those of this category, and those without one.")
    ] = None,
) -> Any:
    """What can be asked for with a prefilled ticket; all at once, by name. Requesters see what is for everybody."""
    return await queries.list_templates(reads, database, principal, category_id=category_id)


@router.post(
    "",
    operation_id="createTicketTemplate",
    summary="Create a ticket template",
    status_code=201,
    response_model=TicketTemplateRead,
    dependencies=_WRITE,
    responses=documents(UnknownReference, InvalidTemplate, errors.TooManyTicketTemplates),
)
async def create_ticket_template(
    body: TicketTemplateCreate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    response: Response,
) -> Any:
    """Whether it satisfies a form shows when a ticket is opened: forms change, and whoever opens it adds the rest."""
    template = await actions.create_template(session, database, principal, body)
    response.headers["Location"] = f"/v1/ticket-templates/{public_id('tpl', template.id)}"
    set_etag(response, etag_of(template.version))
    return await queries.shown(database, principal, template)


@router.get(
    "/{ticket_template_id}",
    operation_id="getTicketTemplate",
    summary="Read a ticket template",
    response_model=TicketTemplateRead,
    dependencies=_READ,
    responses=documents(errors.TicketTemplateNotFound),
)
async def get_ticket_template(
    ticket_template_id: TicketTemplateId,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    database: DatabaseDep,
    response: Response,
) -> Any:
    """As it was written; placeholders are filled in when a ticket is opened."""
    row = await queries.get_template(reads, principal, ticket_template_id)
    if principal.is_staff:
        # Requesters' is made of what they are shown: the checklist may change without their knowledge.
        set_etag(response, etag_of(row["version"]))
    return await queries.shown(database, principal, row)


@router.patch(
    "/{ticket_template_id}",
    operation_id="updateTicketTemplate",
    summary="Change a ticket template",
    response_model=TicketTemplateRead,
    dependencies=_WRITE,
    responses=documents(errors.TicketTemplateNotFound, UnknownReference, InvalidTemplate),
)
async def update_ticket_template(
    ticket_template_id: TicketTemplateId,
    body: TicketTemplateUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """Tickets that were opened with it stay as they are."""
    template = await queries.lock_template(session, ticket_template_id)
    if_match.check(etag_of(template.version))
    await actions.update_template(session, database, principal, template, body)
    set_etag(response, etag_of(template.version))
    return await queries.shown(database, principal, template)


@router.delete(
    "/{ticket_template_id}",
    operation_id="deleteTicketTemplate",
    summary="Delete a ticket template",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(errors.TicketTemplateNotFound),
)
async def delete_ticket_template(
    ticket_template_id: TicketTemplateId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """Tickets that were opened with it stay as they are."""
    template = await queries.lock_template(session, ticket_template_id)
    if_match.check(etag_of(template.version))
    await actions.delete_template(session, principal, template)
