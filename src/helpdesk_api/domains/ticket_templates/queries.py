"""Reads of ticket templates."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.categories import queries as categories
from helpdesk_api.domains.categories.enums import TicketType
from helpdesk_api.domains.forms import queries as forms
from helpdesk_api.domains.forms.enums import FormAudience
from helpdesk_api.domains.ticket_templates.errors import TicketTemplateNotFound
from helpdesk_api.domains.ticket_templates.models import TicketTemplate
from helpdesk_api.domains.ticket_templates.schemas import PrefilledFields
from helpdesk_api.web.listing import whole_page

MAX_TEMPLATES = 500
_COLUMNS = tuple(TicketTemplate.__table__.c)


def readable(principal: Principal) -> ColumnElement[bool]:
    return true() if principal.is_staff else TicketTemplate.visible_to == FormAudience.EVERYBODY


async def shown(database: Database, principal: Principal, template: Any) -> dict[str, Any]:
    """A row or an entity as it is answered."""
    is_entity = isinstance(template, TicketTemplate)
    row = {column.name: getattr(template, column.name) for column in _COLUMNS} if is_entity else dict(template)
    row["fields"] = dict.fromkeys(PrefilledFields.model_fields) | await fields_for(database, principal, row["fields"])
    return row if principal.is_staff else {**row, "checklist": None, "updated_at": None}


async def fields_for(database: Database, principal: Principal, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only the staff may see; which of its forms a template is for may not be decided yet."""
    if principal.is_staff or "custom_fields" not in fields:
        return dict(fields)
    seen = await forms.keys_seen(database, await _forms_of(database, fields))
    kept = {key: value for key, value in fields["custom_fields"].items() if key in seen}
    others = {name: value for name, value in fields.items() if name != "custom_fields"}
    return others | {"custom_fields": kept} if kept else others


async def _forms_of(database: Database, fields: Mapping[str, Any]) -> set[UUID] | None:
    """Those of its category; None without one: it may be any."""
    if "category_id" not in fields:
        return None
    category_id = parse_id("cat", fields["category_id"])
    kinds = [TicketType(fields["type"])] if "type" in fields else list(TicketType)
    found = [await categories.form_of(database, category_id, kind) for kind in kinds]
    return {form_id for form_id in found if form_id is not None}


async def list_templates(
    reads: ReadSession, database: Database, principal: Principal, *, category_id: UUID | None
) -> dict[str, Any]:
    statement = select(*_COLUMNS).where(readable(principal))
    if category_id is not None:
        fitting = or_(TicketTemplate.category_id.is_(None), TicketTemplate.category_id == category_id)
        statement = statement.where(fitting)
    ordered = statement.order_by(func.lower(TicketTemplate.name), TicketTemplate.id).limit(MAX_TEMPLATES)
    return whole_page([await shown(database, principal, row) for row in await reads.fetch(ordered)])


async def get_template(reads: ReadSession, principal: Principal, template_id: UUID) -> Any:
    """Raises `ticket_template_not_found`."""
    mine = (TicketTemplate.id == template_id, readable(principal))
    row = await reads.fetch_one(select(*_COLUMNS).where(*mine))
    if row is None:
        raise TicketTemplateNotFound
    return row


async def find_template(session: AsyncSession, principal: Principal, template_id: UUID) -> TicketTemplate | None:
    """For opening a ticket with it; None when there is none that the caller may use."""
    mine = (TicketTemplate.id == template_id, readable(principal))
    found: TicketTemplate | None = await session.scalar(select(TicketTemplate).where(*mine))
    return found


async def lock_template(session: AsyncSession, template_id: UUID) -> TicketTemplate:
    """Raises `ticket_template_not_found`."""
    found = await session.get(TicketTemplate, template_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise TicketTemplateNotFound
    return found
