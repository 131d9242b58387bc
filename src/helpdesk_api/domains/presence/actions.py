"""Coming and going. Nothing of it is an event: it changes no ticket, and moves no ETag."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.domains.presence.enums import PresenceState
from helpdesk_api.domains.presence.models import TicketPresence

LASTS = timedelta(seconds=60)
"""How long a word holds; clients say it again every 20 to 30 seconds."""


async def arrive(session: AsyncSession, principal: Principal, ticket_id: UUID, state: PresenceState) -> None:
    now = clock.now()
    said = insert(TicketPresence).values(
        ticket_id=ticket_id, user_id=principal.user_id, state=state, since=now, expires_at=now + LASTS
    )
    came_anew = TicketPresence.expires_at <= now
    await session.execute(
        said.on_conflict_do_update(
            index_elements=["ticket_id", "user_id"],
            set_={
                "state": said.excluded.state,
                "expires_at": said.excluded.expires_at,
                "since": case((came_anew, said.excluded.since), else_=TicketPresence.since),
            },
        )
    )


async def leave(session: AsyncSession, principal: Principal, ticket_id: UUID) -> None:
    """Leaving twice is the same as once."""
    await session.execute(
        delete(TicketPresence).where(TicketPresence.ticket_id == ticket_id, TicketPresence.user_id == principal.user_id)
    )


async def forget_expired(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled. Rows that somebody is renewing are left alone."""
    del payload
    gone = (
        select(TicketPresence.ticket_id, TicketPresence.user_id)
        .where(TicketPresence.expires_at <= clock.now())
        .with_for_update(skip_locked=True)
        .cte("gone")
    )
    await session.execute(
        delete(TicketPresence).where(
            TicketPresence.ticket_id == gone.c.ticket_id, TicketPresence.user_id == gone.c.user_id
        )
    )
