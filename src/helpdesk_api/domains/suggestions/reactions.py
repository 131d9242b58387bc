"""Who goes on to open a ticket was not spared it."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.domains.suggestions.enums import SuggestionOutcome
from helpdesk_api.domains.suggestions.models import Suggestion
from helpdesk_api.outbox.models import EventRow

_WITHIN: Final = timedelta(days=1)


async def note_opened(session: AsyncSession, event: EventRow) -> None:
    """ticket.created: the last suggestions that its author was shown on the day before, unless they have told."""
    told = select(Suggestion.id).where(Suggestion.user_id == event.actor_id, Suggestion.ticket_id == event.ticket_id)
    latest = (
        select(Suggestion.id)
        .where(
            Suggestion.user_id == event.actor_id,
            Suggestion.outcome.is_(None),
            Suggestion.created_at <= event.occurred_at,
            Suggestion.created_at > event.occurred_at - _WITHIN,
            ~told.exists(),
        )
        .order_by(Suggestion.created_at.desc())
        .limit(1)
        .with_for_update()
        .scalar_subquery()
    )
    opened = {"outcome": SuggestionOutcome.TICKET_OPENED, "ticket_id": event.ticket_id, "ended_at": event.occurred_at}
    await session.execute(update(Suggestion).where(Suggestion.id == latest).values(opened))
