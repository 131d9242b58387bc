"""Saying something, and what it does to the ticket. The ticket's row is locked by the caller."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS, Grants, principal_of
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.writes import insert_at_flush
from helpdesk_api.domains.attachments.actions import attach
from helpdesk_api.domains.attachments.links import image_paths
from helpdesk_api.domains.attachments.queries import ids_of_comment
from helpdesk_api.domains.categories import queries as categories
from helpdesk_api.domains.categories.enums import Channel
from helpdesk_api.domains.comments import events
from helpdesk_api.domains.comments.errors import (
    EditWindowPassed,
    MentionCannotRead,
    NotTheAuthor,
)
from helpdesk_api.domains.comments.models import (
    Comment,
    CommentMention,
    CommentRevision,
)
from helpdesk_api.domains.comments.schemas import CommentCreate, CommentUpdate
from helpdesk_api.domains.tickets import actions as tickets
from helpdesk_api.domains.tickets import opening, people, policy
from helpdesk_api.domains.tickets.enums import TicketAction, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket, TicketParticipant
from helpdesk_api.domains.tickets.rules import FINAL_STATUSES, inside_window
from helpdesk_api.domains.tickets.schemas import TicketCreate, TicketReopen
from helpdesk_api.domains.tickets.windows import reopen_window
from helpdesk_api.outbox.events import Cause, Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.markdown import rendered

_SUBJECT_LIMIT = 200


async def add_comment(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    ticket: Ticket,
    body: CommentCreate,
    *,
    is_participant: bool,
    draft_id: UUID | None = None,
) -> tuple[Comment, Ticket | None]:
    """The comment, and the follow-up ticket when a requester replied to a final one (the comment is then there).

    What the draft holds may be attached by whoever sends it.

    Raises `action_forbidden`, `attachment_not_usable`, `mention_cannot_read` and `too_long_as_html`.
    """
    internal = body.visibility is Visibility.INTERNAL
    tickets.require(
        principal,
        ticket,
        TicketAction.COMMENT_INTERNALLY if internal else TicketAction.COMMENT,
        is_participant=is_participant,
    )
    by_requester = not internal and _speaks_as_requester(principal, ticket)
    follow_up = None
    if by_requester and _too_late(ticket):
        follow_up = ticket = await _open_follow_up(session, database, principal, ticket, body)
    await _check_mentions(session, database, ticket, body)
    comment = await _new_comment(principal, ticket, body, pointer="#/body")
    insert_at_flush(session, comment)
    if body.attachment_ids:
        await attach(
            session,
            principal,
            ticket,
            body.attachment_ids,
            comment_id=comment.id,
            visibility=comment.visibility,
            draft_id=draft_id,
        )
    _count(ticket, comment)
    cause = await _record(session, principal, ticket, comment, body.mention_ids, by_requester=by_requester)
    for user_id in dict.fromkeys(body.mention_ids):
        session.add(CommentMention(comment_id=comment.id, user_id=user_id))
        await people.add_watcher(session, ticket, user_id)
    if by_requester and follow_up is None:
        await _answer_status(session, principal, ticket, cause)
    return comment, follow_up


async def note_automatically(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    body: str,
    *,
    visibility: Visibility,
    channel: Channel,
) -> Comment:
    """What a program has to say of a ticket that may be its own: an entry, which moves no status and answers nobody."""
    comment = await _new_comment(principal, ticket, CommentCreate(body=body, visibility=visibility, channel=channel))
    insert_at_flush(session, comment)
    _count(ticket, comment)
    await _record(session, principal, ticket, comment, [], by_requester=False, is_automatic=True)
    return comment


def _speaks_as_requester(principal: Principal, ticket: Ticket) -> bool:
    return principal.user_id == ticket.requester_id or not policy.works_on(principal, ticket)


def _too_late(ticket: Ticket) -> bool:
    if ticket.status is TicketStatus.RESOLVED:
        return not inside_window(ticket.resolved_at, clock.now(), reopen_window())
    return ticket.status in FINAL_STATUSES


async def _open_follow_up(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    ticket: Ticket,
    body: CommentCreate,
) -> Ticket:
    """It quotes the old one to its own readers: whoever replies could read that, and passes on what they like. What was
    taken out of use since is left out, and decided as for any new ticket."""
    subject = f"{ticket.subject} (follow-up of {ticket.reference})"
    if len(subject) > _SUBJECT_LIMIT:
        subject = f"Follow-up of {ticket.reference}"
    opened = TicketCreate(
        type=ticket.type,
        subject=subject,
        description=f"Follow-up of {ticket.reference}: {ticket.subject}",
        channel=body.channel,
        category_id=await _category_in_use(database, ticket.category_id),
        impact=ticket.impact,
        urgency=ticket.urgency,
    )
    return await opening.open_ticket(session, database, principal, opened, follow_up_of=ticket)


async def _category_in_use(database: Database, category_id: UUID | None) -> UUID | None:
    found = await categories.category(database, category_id) if category_id is not None else None
    return found.id if found is not None and found.retired_at is None else None


async def _new_comment(
    principal: Principal, ticket: Ticket, body: CommentCreate, *, pointer: str | None = None
) -> Comment:
    return Comment(
        id=new_id(),
        ticket_id=ticket.id,
        ticket_created_at=ticket.created_at,
        author_id=principal.user_id,
        visibility=body.visibility,
        channel=body.channel,
        body=body.body,
        body_html=await rendered(body.body, image_paths(body.attachment_ids), pointer=pointer),
        language=None,
        created_at=clock.now(),
        edited_at=None,
        version=1,
    )


def _count(ticket: Ticket, comment: Comment) -> None:
    ticket.last_comment_id = comment.id
    if comment.visibility is Visibility.PUBLIC:
        ticket.public_comment_count += 1
        ticket.last_public_comment_at = comment.created_at
        ticket.last_public_comment_id = comment.id
    else:
        ticket.internal_comment_count += 1
        ticket.last_internal_comment_at = comment.created_at
    tickets.touch(ticket, public=comment.visibility is Visibility.PUBLIC)


async def _record(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    comment: Comment,
    mention_ids: list[UUID],
    *,
    by_requester: bool,
    is_automatic: bool = False,
) -> Cause:
    event = events.CommentCreated(
        subject_id=comment.id,
        ticket_id=ticket.id,
        visibility=comment.visibility,
        data={
            "reference": ticket.reference,
            "comment_id": public_id("cmt", comment.id),
            "author_id": public_id("usr", comment.author_id),
            "by_requester": by_requester,
            **({"automatic": True} if is_automatic else {}),
            "mention_ids": [public_id("usr", user_id) for user_id in dict.fromkeys(mention_ids)],
        },
        entity=comment,
        ticket=ticket,
    )
    row = await record(session, principal, event)
    return Cause(event_id=row.id, rule="requester_replied")


async def _answer_status(session: AsyncSession, principal: Principal, ticket: Ticket, cause: Cause) -> None:
    """The requester's word moves the ticket: this is the product's rule, whatever the caller may do by hand."""
    system = Principal.system()
    if ticket.status is TicketStatus.PENDING:
        await tickets.resume_ticket(session, system, ticket, cause=cause)
    elif ticket.status is TicketStatus.RESOLVED:
        body = TicketReopen(reason=f"{principal.name} replied"[:200])
        await tickets.reopen_ticket(session, system, ticket, body, cause=cause)


async def _check_mentions(session: AsyncSession, database: Database, ticket: Ticket, body: CommentCreate) -> None:
    if not body.mention_ids:
        return
    participants = set(
        (
            await session.execute(select(TicketParticipant.user_id).where(TicketParticipant.ticket_id == ticket.id))
        ).scalars()
    )
    for position, user_id in enumerate(body.mention_ids):
        grants = await GRANTS.get(database, user_id.hex)
        if grants is None or not could_read(grants, ticket, body.visibility, participants):
            raise MentionCannotRead(pointer=f"#/mention_ids/{position}")


def could_read(grants: Grants, ticket: Ticket, visibility: Visibility, participants: Collection[UUID]) -> bool:
    """Whether somebody else would be shown a comment of this visibility."""
    if not grants.is_active:
        return False
    reader = principal_of(grants)
    if visibility is Visibility.INTERNAL:
        return policy.works_on(reader, ticket)
    return policy.may_read(reader, ticket, is_participant=grants.user_id in participants)


async def working_on(session: AsyncSession, ticket: Ticket, user_ids: Iterable[UUID]) -> set[UUID]:
    """Who of these people works on the ticket."""
    known = {user_id: await GRANTS.get_within(session, user_id.hex) for user_id in user_ids}
    return {
        user_id
        for user_id, grants in known.items()
        if grants is not None and could_read(grants, ticket, Visibility.INTERNAL, ())
    }


async def edit_comment(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    comment: Comment,
    body: CommentUpdate,
    *,
    window: timedelta,
) -> None:
    """Raises `not_the_author`, `edit_window_passed` and `too_long_as_html`; the same text again changes nothing."""
    if comment.author_id != principal.user_id:
        raise NotTheAuthor
    now = clock.now()
    if now > comment.created_at + window:
        raise EditWindowPassed
    if body.body == comment.body:
        return
    session.add(
        CommentRevision(
            comment_id=comment.id,
            version=comment.version,
            body=comment.body,
            replaced_at=now,
        )
    )
    before = comment.version
    images = image_paths(await ids_of_comment(session, comment.id)) if "attachment:" in body.body else {}
    comment.body, comment.body_html = body.body, await rendered(body.body, images, pointer="#/body")
    comment.edited_at, comment.version = now, before + 1
    tickets.touch(ticket, public=comment.visibility is Visibility.PUBLIC)
    event = events.CommentUpdated(
        subject_id=comment.id,
        ticket_id=ticket.id,
        visibility=comment.visibility,
        changes={"version": (before, comment.version)},
        data={
            "reference": ticket.reference,
            "comment_id": public_id("cmt", comment.id),
        },
        entity=comment,
        ticket=ticket,
    )
    await record(session, principal, event)
