"""Checklists begin with the template that their ticket was opened with, and go on where it is merged into."""

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id
from helpdesk_api.domains.checklists.actions import new_item
from helpdesk_api.domains.checklists.models import ChecklistItem
from helpdesk_api.domains.checklists.schemas import MAX_POSITION
from helpdesk_api.domains.ticket_templates.models import TicketTemplate
from helpdesk_api.domains.tickets.events import TicketCreated, TicketEvent
from helpdesk_api.domains.tickets.models import Ticket


async def add_from_template(session: AsyncSession, principal: Principal, event: TicketCreated) -> None:
    """ticket.created: in its transaction, so that nobody resolves it before the list is there."""
    named = event.internal_data.get("template_id")
    template = await session.get(TicketTemplate, parse_id("tpl", named)) if named is not None else None
    if template is None:
        return
    ticket: Ticket = event.entity
    for position, item in enumerate(template.checklist, start=1):
        session.add(new_item(ticket, principal, item["title"], position, is_required=item["is_required"]))
    ticket.checklist_count = len(template.checklist)
    ticket.open_required_count = sum(item["is_required"] for item in template.checklist)


async def follow_merge(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """ticket.merged: the items go on behind those that are there; what is required is required there."""
    del principal
    ticket: Ticket = event.entity
    if event.data.get("role") == "merged":
        ticket.checklist_count = ticket.checklist_done_count = ticket.open_required_count = 0
        return
    last = select(func.coalesce(func.max(ChecklistItem.position), 0)).where(ChecklistItem.ticket_id == ticket.id)
    moved = (
        update(ChecklistItem)
        .where(ChecklistItem.ticket_id == parse_id("tkt", event.internal_data["merged_id"]))
        .values(
            ticket_id=ticket.id,
            position=func.least(ChecklistItem.position + last.scalar_subquery(), MAX_POSITION),
            version=ChecklistItem.version + 1,
        )
        .returning(ChecklistItem.is_required, ChecklistItem.done_at)
        .execution_options(synchronize_session=False)
    )
    for is_required, done_at in (await session.execute(moved)).all():
        ticket.checklist_count += 1
        ticket.checklist_done_count += done_at is not None
        ticket.open_required_count += is_required and done_at is None
