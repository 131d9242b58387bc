"""What follows for alerts when something happens to their tickets."""

from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id
from helpdesk_api.domains.alerts.models import Alert, AlertStorm
from helpdesk_api.domains.tickets.events import TicketEvent


async def follow_merge(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """ticket.merged: alerts go on where the ticket does, and keep that one from being resolved before they are over."""
    del principal
    if event.data.get("role") != "merged":
        return
    into_id: UUID = parse_id("tkt", event.internal_data["into_id"])
    for kind in (Alert, AlertStorm):
        moved: Any = update(kind).where(kind.ticket_id == event.ticket_id).values(ticket_id=into_id)
        await session.execute(moved.execution_options(synchronize_session=False))
