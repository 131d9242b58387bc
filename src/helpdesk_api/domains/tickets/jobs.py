"""What time does to tickets: resolved ones close, waiting ones resume. Each ticket in a transaction-sized batch."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.domains.tickets import actions
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.models import Ticket

BATCH = 100


async def _due(session: AsyncSession, column: Any, status: TicketStatus) -> list[Ticket]:
    """Rows whose instant has come; those that somebody else holds are left for the next minute."""
    now: datetime = clock.now()
    where: tuple[ColumnElement[bool], ...] = (column <= now, Ticket.status == status)
    statement = select(Ticket).where(*where).order_by(column).limit(BATCH).with_for_update(skip_locked=True)
    return list((await session.execute(statement)).scalars())


async def close_resolved(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: resolved tickets whose `closes_at` has come."""
    del payload
    for ticket in await _due(session, Ticket.closes_at, TicketStatus.RESOLVED):
        await actions.close_ticket(session, Principal.system(), ticket)


async def resume_scheduled(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: pending tickets whose `resumes_at` has come."""
    del payload
    for ticket in await _due(session, Ticket.resumes_at, TicketStatus.PENDING):
        await actions.resume_ticket(session, Principal.system(), ticket)
