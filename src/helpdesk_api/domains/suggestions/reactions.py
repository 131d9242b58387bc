"""Who goes on to open a ticket was not spared it."""

from datetime import timedelta
from typing import Final

from sqlalchemy import and_, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.domains.suggestions.enums import SuggestionOutcome
from helpdesk_api.domains.suggestions.models import Suggestion
from helpdesk_api.outbox.models import EventRow

_WITHIN: Final = timedelta(days=1)


async def note_opened(session: AsyncSession, event: EventRow) -> None:
    """ticket.created: the last suggestions that its author was shown on the day before, unless they have told. Who told
    that they opened one, and not which, told of this one."""
    told = select(Suggestion.id).where(Suggestion.user_id == event.actor_id, Suggestion.ticket_id == event.ticket_id)
    told_without = func.coalesce(
        and_(Suggestion.outcome == SuggestionOutcome.TICKET_OPENED, Suggestion.ticket_id.is_(None)),
        literal(value=False),
    )
    latest = (
        select(Suggestion.id)
        .where(
            Suggestion.user_id == event.actor_id,
            or_(Suggestion.outcome.is_(None), told_without),
            Suggestion.created_at <= event.occurred_at,
            Suggestion.asked_at > event.occurred_at - _WITHIN,
            ~told.exists(),
        )
        .order_by(told_without.desc(), Suggestion.created_at.desc())
        .limit(1)
        .with_for_update()
        .scalar_subquery()
    )
    ended_at = func.coalesce(Suggestion.ended_at, event.occurred_at)
    opened = {"outcome": SuggestionOutcome.TICKET_OPENED, "ticket_id": event.ticket_id, "ended_at": ended_at}
    await session.execute(update(Suggestion).where(Suggestion.id == latest).values(opened))
