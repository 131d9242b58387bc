"""What changes attachments. A ticket's row is locked before its attachments', and these by their ids."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.turns import take_turn
from helpdesk_api.database.writes import Loader, statements_of, update_at_flush
from helpdesk_api.domains.attachments import events, policy, storing
from helpdesk_api.domains.attachments.enums import AttachmentRefusal, AttachmentState
from helpdesk_api.domains.attachments.errors import (
    AttachmentNotFound,
    DeletionWindowPassed,
    NotTheUploader,
    TooManyUploads,
)
from helpdesk_api.domains.attachments.inspection import Inspected
from helpdesk_api.domains.attachments.jobs import DROP_OBJECTS, follow_ups
from helpdesk_api.domains.attachments.models import Attachment
from helpdesk_api.domains.tickets.actions import touch
from helpdesk_api.domains.tickets.errors import AttachmentNotUsable
from helpdesk_api.domains.tickets.events import TicketEvent
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import IDS, any_of
from helpdesk_api.domains.tickets.queries import VisibleTicket, know_target, lock_visible
from helpdesk_api.jobs.queue import enqueue, enqueue_many
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record

# Of one person, while nothing refers to them: a form has ten files at most, a comment as many.
MAX_UNREFERENCED = 100
_LOADER = Loader(Attachment)


async def keep_upload(
    session: AsyncSession, principal: Principal, attachment_id: UUID, name: str, found: Inspected
) -> Attachment:
    """The row of an object that lies in the store. Raises `too_many_uploads`."""
    await take_turn(session, Attachment.__tablename__, principal.user_id)
    waiting = policy.is_own_unreferenced(principal), Attachment.draft_id.is_(None)
    own = select(func.count()).select_from(Attachment).where(*waiting)
    if (await session.execute(own)).scalar_one() >= MAX_UNREFERENCED:
        message = f"At most {MAX_UNREFERENCED} of one person wait to be referred to."
        raise TooManyUploads(message)
    attachment = Attachment(
        id=attachment_id,
        uploader_id=principal.user_id,
        visibility=Visibility.PUBLIC,
        name=name,
        content_type=found.content_type,
        size_bytes=found.size_bytes,
        sha256=found.sha256,
        state=AttachmentState.AVAILABLE if storing.scanner() is None else AttachmentState.SCANNING,
        has_thumbnail=False,
        created_at=clock.now(),
        version=1,
    )
    session.add(attachment)
    await session.flush()
    await enqueue_many(session, list(follow_ups(attachment)))
    return attachment


@cache
def _lock_usable() -> CompiledStatement:
    return CompiledStatement(
        select(*_LOADER.columns)
        .where(
            any_of(Attachment.id, bindparam("ids", type_=IDS)),
            or_(
                and_(
                    Attachment.uploader_id == bindparam("caller", type_=Attachment.uploader_id.type),
                    Attachment.draft_id.is_(None),
                ),
                Attachment.draft_id == bindparam("draft", type_=Attachment.uploader_id.type),
            ),
            Attachment.ticket_id.is_(None),
            Attachment.article_id.is_(None),
            Attachment.state != AttachmentState.REFUSED,
        )
        .order_by(Attachment.id)
        .with_for_update()
    )


async def lock_usable(
    session: AsyncSession,
    principal: Principal,
    ids: Sequence[UUID],
    pointer: str,
    draft_id: UUID | None = None,
    *,
    places: Sequence[int] | None = None,
) -> list[Attachment]:
    """The caller's own uploads that nothing refers to, and what the draft holds; each once. What is changed in them
    is written at the flush. Raises `attachment_not_usable`, for the ids at these places where they are not all."""
    parameters = {"ids": list(ids), "caller": principal.user_id, "draft": draft_id}
    rows = await (await statements_of(session)).fetch(_lock_usable(), parameters)
    usable = {row["id"]: row for row in rows}
    for place, attachment_id in zip(places or range(len(ids)), ids, strict=True):
        if attachment_id not in usable:
            raise AttachmentNotUsable(pointer=f"{pointer}/{place}")
    found = [_LOADER.entity(usable[attachment_id]) for attachment_id in dict.fromkeys(ids)]
    for attachment in found:
        update_at_flush(session, attachment)
    return found


async def attach(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    ids: Sequence[UUID],
    *,
    comment_id: UUID | None = None,
    visibility: Visibility = Visibility.PUBLIC,
    pointer: str = "#/attachment_ids",
    draft_id: UUID | None = None,
    places: Sequence[int] | None = None,
) -> None:
    """Each once, by its uploader or out of the draft that is sent: who comes second with the same finds it taken.

    Raises `attachment_not_usable`. The rows are written at the flush, after the comment's own.
    """
    now = clock.now()
    for attachment in await lock_usable(session, principal, ids, pointer, draft_id, places=places):
        attachment.ticket_id, attachment.comment_id = ticket.id, comment_id
        attachment.draft_id = attachment.draft_ticket_id = None
        attachment.visibility, attachment.referenced_at = visibility, now
        attachment.version += 1
        await tell(session, principal, events.AttachmentAdded, attachment, ticket)


async def tell(
    session: AsyncSession,
    principal: Principal,
    kind: type[events.AttachmentEvent],
    attachment: Attachment,
    ticket: Ticket,
    signature: str | None = None,
) -> None:
    """As public as the attachment itself. The caller holds the ticket's lock."""
    comment_id = attachment.comment_id
    event = kind(
        subject_id=attachment.id,
        ticket_id=ticket.id,
        visibility=attachment.visibility,
        data={
            "attachment_id": public_id("att", attachment.id),
            "comment_id": public_id("cmt", comment_id) if comment_id is not None else None,
        },
        internal_data={"signature": signature} if signature is not None else {},
        entity=attachment,
        ticket=ticket,
    )
    await record(session, principal, event)


async def lock(session: AsyncSession, principal: Principal, row: Any) -> tuple[Attachment, Ticket | None]:
    """The attachment of a row of `queries.get_row` and the ticket where the caller has seen it, both locked.

    Raises `attachment_not_found`, also when it has gone elsewhere since, `ticket_not_found` and `ticket_merged`.
    """
    ticket = None
    if (ticket_id := row["ticket_id"]) is not None:
        locked, is_participant = await lock_visible(session, principal, public_id("tkt", ticket_id))
        ticket = (await know_target(session, principal, VisibleTicket(locked, is_participant=is_participant))).ticket
    elsewhere = and_(Attachment.article_id == row["article_id"], policy.seen_elsewhere(principal))
    at_home = Attachment.ticket_id == ticket_id if ticket_id is not None else elsewhere
    found = await session.scalar(select(Attachment).where(Attachment.id == row["id"], at_home).with_for_update())
    if found is None:
        raise AttachmentNotFound
    return found, ticket


def require_deletion(principal: Principal, row: Any, window: timedelta) -> None:
    """Of a row of `queries.get_row`. Raises `missing_scope`, `not_the_uploader` and `deletion_window_passed`."""
    edits = row["edits_article"]
    refusal = policy.deletion_refusal(principal, row["uploader_id"], row["referenced_at"], window, edits_article=edits)
    if refusal is AttachmentRefusal.MISSING_SCOPE:
        raise MissingScope(Permission.TICKETS_WRITE if edits is None else Permission.ARTICLES_WRITE)
    if refusal is AttachmentRefusal.NOT_THE_UPLOADER:
        raise NotTheUploader
    if refusal is AttachmentRefusal.DELETION_WINDOW_PASSED:
        raise DeletionWindowPassed


async def remove(session: AsyncSession, principal: Principal, attachment: Attachment, ticket: Ticket | None) -> None:
    """Its object goes after the commit."""
    await session.execute(delete(Attachment).where(Attachment.id == attachment.id))
    session.expunge(attachment)
    await enqueue(session, DROP_OBJECTS, {"keys": storing.keys_of(attachment.id)})
    if ticket is not None:
        touch(ticket, public=attachment.visibility is Visibility.PUBLIC)
        await tell(session, principal, events.AttachmentRemoved, attachment, ticket)


async def follow_merge(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """ticket.merged: all files go on where the ticket does, its comments' and its own."""
    del principal
    if event.data.get("role") == "merged":
        await session.execute(
            update(Attachment)
            .where(Attachment.ticket_id == event.ticket_id)
            .values(
                ticket_id=parse_id("tkt", event.internal_data["into_id"]),
                merged_from_id=func.coalesce(Attachment.merged_from_id, event.ticket_id),
                version=Attachment.version + 1,
            )
            .execution_options(synchronize_session=False)
        )
