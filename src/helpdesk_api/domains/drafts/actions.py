"""Writing, sharing and sending drafts. None of it is an event until it is sent, and then it is a comment."""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, parse_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.comments.actions import add_comment
from helpdesk_api.domains.comments.models import Comment
from helpdesk_api.domains.comments.schemas import CommentCreate
from helpdesk_api.domains.drafts.errors import DraftForbidden, TooManyDrafts
from helpdesk_api.domains.drafts.models import Draft
from helpdesk_api.domains.drafts.queries import MAX_DRAFTS
from helpdesk_api.domains.drafts.schemas import DraftCreate, DraftUpdate
from helpdesk_api.domains.tickets.events import TicketEvent
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import VisibleTicket


async def write_draft(session: AsyncSession, principal: Principal, ticket_id: UUID, body: DraftCreate) -> Draft:
    """Raises `too_many_drafts`."""
    there = await session.scalar(select(func.count()).select_from(Draft).where(Draft.ticket_id == ticket_id))
    if (there or 0) >= MAX_DRAFTS:
        raise TooManyDrafts
    now = clock.now()
    draft = Draft(
        id=new_id(),
        ticket_id=ticket_id,
        author_id=principal.user_id,
        edited_by_id=principal.user_id,
        created_at=now,
        updated_at=now,
        version=1,
        **body.model_dump(),
    )
    session.add(draft)
    return draft


async def edit_draft(session: AsyncSession, principal: Principal, draft: Draft, body: DraftUpdate) -> None:
    """Raises `draft_forbidden`."""
    given = body.model_dump(exclude_unset=True)
    changes = {name: value for name, value in given.items() if getattr(draft, name) != value}
    if "is_shared" in changes and draft.author_id != principal.user_id:
        raise DraftForbidden(pointer="#/is_shared")
    if not changes:
        return
    for name, value in changes.items():
        setattr(draft, name, value)
    draft.edited_by_id = principal.user_id
    draft.updated_at = clock.now()
    draft.version += 1
    await session.flush()


async def delete_draft(session: AsyncSession, principal: Principal, draft: Draft) -> None:
    """Raises `draft_forbidden`."""
    if draft.author_id != principal.user_id:
        raise DraftForbidden
    await session.delete(draft)


async def send_draft(
    session: AsyncSession, database: Database, principal: Principal, visible: VisibleTicket, draft: Draft
) -> tuple[Comment, Ticket | None, list[UUID]]:
    """It becomes the sender's comment. Raises what adding a comment does."""
    said = CommentCreate(body=draft.body, visibility=draft.visibility, mention_ids=draft.mention_ids)
    comment, follow_up = await add_comment(
        session, database, principal, visible.ticket, said, is_participant=visible.is_participant
    )
    await session.delete(draft)
    return comment, follow_up, said.mention_ids


async def follow_merge(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """ticket.merged: what was being written goes on where the ticket does."""
    del principal
    if event.data.get("role") == "merged":
        into_id = parse_id("tkt", event.internal_data["into_id"])
        await session.execute(update(Draft).where(Draft.ticket_id == event.ticket_id).values(ticket_id=into_id))
