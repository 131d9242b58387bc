"""The language of what people write, whenever they write it; and which teams the model may name."""

from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.cache import invalidate
from helpdesk_api.domains.classification.languages import can_detect, detect, is_loaded
from helpdesk_api.domains.classification.patience import in_thread
from helpdesk_api.domains.classification.state import CLASSIFICATION
from helpdesk_api.domains.comments.events import CommentCreated, CommentUpdated
from helpdesk_api.domains.teams.events import TeamArchived, TeamCreated
from helpdesk_api.domains.tickets.events import TicketUpdated

logger = structlog.get_logger(__name__)


async def note_language_of_comment(
    session: AsyncSession, principal: Principal, event: CommentCreated | CommentUpdated
) -> None:
    """Of a comment that is not yet written."""
    del session, principal
    await _note(event.entity, event.entity.body)


async def note_language_of_ticket(session: AsyncSession, principal: Principal, event: TicketUpdated) -> None:
    """When its words changed; at its opening the adviser does. Told as every change is: conditions read it."""
    del session, principal
    ticket = event.entity
    # Who records no more than a ticket's id has its words from elsewhere.
    if ticket is None or not event.changes.keys() & {"subject", "description"}:
        return
    before = ticket.language
    await _note(ticket, f"{ticket.subject}\n{ticket.description}")
    if ticket.language != before:
        event.changes["language"] = (before, ticket.language)


async def _note(entity: Any, text: str) -> None:
    if not can_detect():
        return
    try:
        # The way into a thread and back takes half as long as the text.
        entity.language = detect(text) if is_loaded() else await in_thread(detect, text)
    # A library that fails says nothing; what was written is kept.
    except Exception:
        logger.exception("language_not_detected")


async def forget_teams(session: AsyncSession, principal: Principal, event: TeamArchived | TeamCreated) -> None:
    """Every process reads anew which teams there are."""
    del principal, event
    await invalidate(session, CLASSIFICATION)
