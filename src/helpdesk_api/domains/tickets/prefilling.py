"""A new ticket's body, completed by a template: what the caller sent wins."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.session import Database
from helpdesk_api.domains.ticket_templates.queries import fields_for, find_template
from helpdesk_api.domains.ticket_templates.schemas import OPENER
from helpdesk_api.domains.tickets.custom_fields import form_of
from helpdesk_api.domains.tickets.errors import TicketFieldMissing
from helpdesk_api.domains.tickets.placeholders import person_values
from helpdesk_api.domains.tickets.schemas import TicketCreate
from helpdesk_api.web.errors import UnknownReference
from helpdesk_api.web.placeholders import fill_template
from helpdesk_api.web.problems import from_validation

_REQUIRED = ("subject", "description")


async def prefilled(
    session: AsyncSession, database: Database, principal: Principal, body: TicketCreate
) -> TicketCreate:
    """Raises `unknown_reference` for a template that the caller may not use, `ticket_field_missing`, what `form_of`
    does, and `validation_failed` or `template_limit_reached` for what the template's placeholders became."""
    if body.template_id is not None:
        template = await find_template(session, principal, body.template_id)
        if template is None:
            raise UnknownReference(pointer="#/template_id")
        sent = body
        body = _merged(principal, await fields_for(database, principal, template.fields), sent)
        if not principal.is_staff:
            body = await _fillable(database, body, sent)
    for name in _REQUIRED:
        if getattr(body, name) is None:
            raise TicketFieldMissing(pointer=f"#/{name}")
    return body


async def _fillable(database: Database, body: TicketCreate, sent: TicketCreate) -> TicketCreate:
    """Of a template's values only those that a requester fills in; what they sent is theirs to answer for."""
    if body.custom_fields.keys() <= sent.custom_fields.keys():
        return body
    form = await form_of(database, body)
    asked = form.in_force.keys_for(is_staff=False) if form is not None else frozenset()
    kept = asked | sent.custom_fields.keys()
    custom_fields = {key: value for key, value in body.custom_fields.items() if key in kept}
    return body.model_copy(update={"custom_fields": custom_fields})


def _merged(principal: Principal, fields: Mapping[str, Any], body: TicketCreate) -> TicketCreate:
    sent = body.model_dump(exclude_unset=True)
    values = {"current_user": person_values(principal.name)}
    found = {
        name: fill_template(value, OPENER, values, f"#/{name}") if name in _REQUIRED else value
        for name, value in fields.items()
        if name not in sent
    }
    merged = {**found, **sent}
    if "custom_fields" in fields:
        merged["custom_fields"] = {**fields["custom_fields"], **sent.get("custom_fields", {})}
    try:
        return TicketCreate.model_validate(merged)
    except ValidationError as error:
        placed = [{**line, "loc": ("body", *line["loc"])} for line in error.errors()]
        raise from_validation(cast("list[ErrorDetails]", placed), merged) from error
