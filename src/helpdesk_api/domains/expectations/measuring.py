"""Counting, once an hour, how long tickets have taken."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, insert, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.domains.expectations.models import ResolutionTimes
from helpdesk_api.domains.tickets.enums import TicketStatus
from helpdesk_api.domains.tickets.models import Ticket

LOOKS_BACK = timedelta(days=90)
FEWEST = 10
"""Of fewer tickets nothing is said."""
_HALF, _MOST = 0.5, 0.8


async def measure(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled. In one transaction, so that there is always an answer, of now or of an hour ago."""
    del payload
    now = clock.now()
    took = Ticket.resolved_at - Ticket.created_at
    kinds = func.grouping_sets(
        tuple_(Ticket.type, Ticket.priority, Ticket.category_id), tuple_(Ticket.type, Ticket.priority)
    )
    measured = (
        select(
            func.gen_random_uuid(),
            Ticket.type,
            Ticket.priority,
            Ticket.category_id,
            func.count(),
            func.percentile_disc(_HALF).within_group(took),
            func.percentile_disc(_MOST).within_group(took),
            literal(now, Ticket.created_at.type),
        )
        .where(Ticket.resolved_at >= now - LOOKS_BACK, Ticket.status.in_([TicketStatus.RESOLVED, TicketStatus.CLOSED]))
        .group_by(kinds)
        # Tickets without a category are in the group of all of them.
        .having(func.count() >= FEWEST, (func.grouping(Ticket.category_id) == 1) | Ticket.category_id.is_not(None))
    )
    await session.execute(delete(ResolutionTimes))
    names = ["id", "type", "priority", "category_id", "ticket_count", "half", "most", "measured_at"]
    await session.execute(insert(ResolutionTimes).from_select(names, measured))
