"""Changing ticket templates."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.turns import take_turn
from helpdesk_api.domains.categories import queries as categories
from helpdesk_api.domains.ticket_templates import events, queries
from helpdesk_api.domains.ticket_templates.errors import TooManyTicketTemplates
from helpdesk_api.domains.ticket_templates.models import TicketTemplate
from helpdesk_api.domains.ticket_templates.schemas import (
    OPENER,
    TemplateFields,
    TicketTemplateCreate,
    TicketTemplateUpdate,
)
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import UnknownReference
from helpdesk_api.web.placeholders import check_template


async def create_template(
    session: AsyncSession, database: Database, principal: Principal, body: TicketTemplateCreate
) -> TicketTemplate:
    """Raises `invalid_template`, `unknown_reference` and `too_many_ticket_templates`."""
    fields = await _checked(database, body.fields)
    await take_turn(session, TicketTemplate.__tablename__)
    if (await session.scalar(select(func.count()).select_from(TicketTemplate)) or 0) >= queries.MAX_TEMPLATES:
        raise TooManyTicketTemplates
    now = clock.now()
    template = TicketTemplate(
        id=new_id(),
        name=body.name,
        description=body.description,
        visible_to=body.visible_to,
        category_id=body.fields.category_id,
        fields=fields,
        checklist=[item.model_dump(mode="json") for item in body.checklist],
        created_at=now,
        updated_at=now,
        version=1,
    )
    session.add(template)
    await session.flush()
    await _record(session, principal, template, events.TicketTemplateCreated, {"name": (None, template.name)})
    return template


async def update_template(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    template: TicketTemplate,
    body: TicketTemplateUpdate,
) -> None:
    """Tickets that were opened with it stay as they are. Raises `invalid_template` and `unknown_reference`."""
    values: dict[str, Any] = body.model_dump(exclude_unset=True, exclude={"fields", "checklist"})
    if "fields" in body.model_fields_set:
        values["fields"] = await _checked(database, body.fields)
        values["category_id"] = body.fields.category_id
    if "checklist" in body.model_fields_set:
        values["checklist"] = [item.model_dump(mode="json") for item in body.checklist]
    changed = {name: value for name, value in values.items() if getattr(template, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(template, name, value)
    template.version += 1
    template.updated_at = clock.now()
    await session.flush()
    versions = (template.version - 1, template.version)
    await _record(session, principal, template, events.TicketTemplateUpdated, {"version": versions})


async def delete_template(session: AsyncSession, principal: Principal, template: TicketTemplate) -> None:
    await session.delete(template)
    await _record(session, principal, template, events.TicketTemplateDeleted, {"name": (template.name, None)})


async def _checked(database: Database, fields: TemplateFields) -> dict[str, Any]:
    """As kept: what is null is left to whoever opens the ticket."""
    for name in ("subject", "description"):
        if (text := getattr(fields, name)) is not None:
            check_template(text, OPENER, f"#/fields/{name}")
    if fields.category_id is not None and await categories.category(database, fields.category_id) is None:
        raise UnknownReference(pointer="#/fields/category_id")
    return fields.model_dump(mode="json", exclude_none=True)


async def _record(
    session: AsyncSession,
    principal: Principal,
    template: TicketTemplate,
    kind: type[events.TicketTemplateEvent],
    changes: dict[str, tuple[Any, Any]],
) -> None:
    event = kind(
        subject_id=template.id,
        visibility=Visibility.INTERNAL,
        internal_changes=changes,
        internal_data={"name": template.name},
        entity=template,
    )
    await record(session, principal, event)
