"""A comment that is a matter of its own becomes a ticket of its own; it stays where it was said."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS, Grants
from helpdesk_api.authorization.permissions import STAFF_ROLES
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.attachments.carrying import copies_of_comment
from helpdesk_api.domains.comments.actions import could_read
from helpdesk_api.domains.comments.models import Comment
from helpdesk_api.domains.relations import events
from helpdesk_api.domains.relations.actions import add_link
from helpdesk_api.domains.relations.enums import Relation
from helpdesk_api.domains.relations.errors import CommentIsInternal
from helpdesk_api.domains.relations.rules import first_words
from helpdesk_api.domains.relations.schemas import CommentSplit
from helpdesk_api.domains.tickets.actions import require, touch
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.opening import open_ticket
from helpdesk_api.domains.tickets.schemas import TicketCreate
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record


async def split_comment(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    ticket: Ticket,
    comment: Comment,
    body: CommentSplit,
) -> Ticket:
    """The new ticket: of the same kind and team, so that no more of the staff see it than saw the comment. It has the
    comment's files as well: an internal one's are for the staff there too.

    Raises `action_forbidden`, `comment_is_internal`, `storage_unavailable`, and what opening a ticket does.
    """
    require(principal, ticket, TicketAction.SPLIT)
    requester = await _first_active(database, await _candidates(database, principal, ticket, comment))
    may_read = requester is not None and could_read(requester, ticket, comment.visibility, (requester.user_id,))
    if comment.visibility is Visibility.INTERNAL and body.description is None and not may_read:
        raise CommentIsInternal(pointer="#/description")
    files = await copies_of_comment(session, comment.id)
    description = files.renamed(body.description or comment.body)
    opened = await open_ticket(
        session,
        database,
        principal,
        TicketCreate(
            type=ticket.type,
            subject=body.subject or first_words(description),
            description=description,
            channel=comment.channel,
            requester_id=requester.user_id if requester is not None else principal.user_id,
            category_id=body.category_id,
            custom_fields=body.custom_fields,
            impact=ticket.impact,
            urgency=ticket.urgency,
            team_id=ticket.team_id,
        ),
    )
    await files.give_to(session, principal, opened)
    await add_link(session, principal, ticket, Relation.RELATES_TO, opened)
    for told, other, role in ((ticket, opened, "source"), (opened, ticket, "opened")):
        await _tell(session, principal, told, other, comment, role)
    return opened


async def _candidates(database: Database, principal: Principal, ticket: Ticket, comment: Comment) -> Sequence[UUID]:
    """Whose matter it may be: its author's if they are no staff, else the requester's; the caller's if they left."""
    author = await GRANTS.get(database, comment.author_id.hex)
    by_requester = author is not None and author.role not in STAFF_ROLES
    return (*((comment.author_id,) if by_requester else ()), ticket.requester_id, principal.user_id)


async def _first_active(database: Database, user_ids: Sequence[UUID]) -> Grants | None:
    for user_id in user_ids:
        grants = await GRANTS.get(database, user_id.hex)
        if grants is not None and grants.is_active:
            return grants
    return None


async def _tell(
    session: AsyncSession, principal: Principal, ticket: Ticket, other: Ticket, comment: Comment, role: str
) -> None:
    touch(ticket, public=False)
    event = events.TicketSplit(
        subject_id=ticket.id,
        ticket_id=ticket.id,
        visibility=Visibility.INTERNAL,
        data={"reference": ticket.reference, "role": role},
        internal_data={
            "comment_id": public_id("cmt", comment.id),
            "other_id": public_id("tkt", other.id),
            "other_reference": other.reference,
        },
        entity=ticket,
        ticket=ticket,
    )
    await record(session, principal, event)
