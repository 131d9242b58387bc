"""Writing, sharing and sending drafts. None of it is an event until it is sent, and then it is a comment."""

from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.turns import take_turn
from helpdesk_api.domains.attachments.holding import hold, ids_of_draft, share
from helpdesk_api.domains.comments.actions import add_comment, working_on
from helpdesk_api.domains.comments.models import Comment
from helpdesk_api.domains.comments.schemas import CommentCreate
from helpdesk_api.domains.drafts.errors import DraftForbidden, TooManyDrafts
from helpdesk_api.domains.drafts.models import Draft
from helpdesk_api.domains.drafts.queries import MAX_DRAFTS
from helpdesk_api.domains.drafts.schemas import DraftCreate, DraftUpdate
from helpdesk_api.domains.tickets.actions import require
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.events import TicketEvent
from helpdesk_api.domains.tickets.merged import merged_into
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import VisibleTicket


async def write_draft(session: AsyncSession, principal: Principal, ticket_id: UUID, body: DraftCreate) -> Draft:
    """Raises `too_many_drafts` and `attachment_not_usable`."""
    await take_turn(session, Draft.__tablename__, ticket_id)
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
        **body.model_dump(exclude={"attachment_ids"}),
    )
    session.add(draft)
    await session.flush()
    if body.attachment_ids:
        await hold(session, principal, draft.id, body.attachment_ids, shared_on=_shared_on(draft))
    return draft


async def edit_draft(session: AsyncSession, principal: Principal, draft: Draft, body: DraftUpdate) -> None:
    """Raises `draft_forbidden` and `attachment_not_usable`."""
    given = body.model_dump(exclude_unset=True)
    files: list[UUID] | None = given.pop("attachment_ids", None)
    changes = {name: value for name, value in given.items() if getattr(draft, name) != value}
    if "is_shared" in changes and draft.author_id != principal.user_id:
        raise DraftForbidden(pointer="#/is_shared")
    for name, value in changes.items():
        setattr(draft, name, value)
    has_other_files = False
    if files is not None:
        has_other_files = await hold(session, principal, draft.id, files, shared_on=_shared_on(draft))
    elif "is_shared" in changes:
        await share(session, draft.id, shared_on=_shared_on(draft))
    if not changes and not has_other_files:
        return
    draft.edited_by_id = principal.user_id
    draft.updated_at = clock.now()
    draft.version += 1
    await session.flush()


def _shared_on(draft: Draft) -> UUID | None:
    return draft.ticket_id if draft.is_shared else None


async def delete_draft(session: AsyncSession, principal: Principal, draft: Draft) -> None:
    """Its files are their uploaders' again. Raises `draft_forbidden`."""
    if draft.author_id != principal.user_id:
        raise DraftForbidden
    await hold(session, principal, draft.id, (), shared_on=None)
    await session.delete(draft)


async def send_draft(
    session: AsyncSession, database: Database, principal: Principal, visible: VisibleTicket, draft: Draft
) -> tuple[Comment, Ticket | None, CommentCreate]:
    """It becomes the sender's comment. Raises what adding a comment does, `action_forbidden` for who does not work on
    the ticket included: others may see it and say something there, but not in these words."""
    require(principal, visible.ticket, TicketAction.COMMENT_INTERNALLY)
    files = await ids_of_draft(session, draft.id)
    said = CommentCreate(
        body=draft.body, visibility=draft.visibility, mention_ids=draft.mention_ids, attachment_ids=files
    )
    comment, follow_up = await add_comment(
        session,
        database,
        principal,
        visible.ticket,
        said,
        is_participant=visible.is_participant,
        draft_id=draft.id,
    )
    await session.flush()
    await session.delete(draft)
    return comment, follow_up, said


async def follow_merge(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """ticket.merged: what was being written goes on where the ticket does; of who does not work there it stays, and
    they find it where they wrote it, until that leads on to where they work."""
    del principal
    if event.data.get("role") == "merged":
        return
    into: Ticket = event.entity
    there = Draft.ticket_id.in_(merged_into(into.id))
    alone = await session.scalars(select(Draft.author_id).where(there, Draft.is_shared.is_(False)).distinct())
    following = or_(Draft.is_shared, Draft.author_id.in_(await working_on(session, into, alone.all())))
    moved = update(Draft).where(there, following).values(ticket_id=into.id)
    for draft_id, is_shared in (await session.execute(moved.returning(Draft.id, Draft.is_shared))).all():
        await share(session, draft_id, shared_on=into.id if is_shared else None)
