"""A ticket that was opened with a template begins with the template's checklist."""

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id
from helpdesk_api.domains.checklists.actions import new_item
from helpdesk_api.domains.ticket_templates.models import TicketTemplate
from helpdesk_api.domains.tickets.events import TicketCreated
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
