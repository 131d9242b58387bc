"""Pictures in a ticket's own text, and the files of a comment that becomes a ticket."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.attachments import events
from helpdesk_api.domains.attachments.actions import tell
from helpdesk_api.domains.attachments.enums import AttachmentState
from helpdesk_api.domains.attachments.jobs import follow_ups
from helpdesk_api.domains.attachments.links import image_paths
from helpdesk_api.domains.attachments.models import Attachment
from helpdesk_api.domains.attachments.storing import answering, object_key, storage
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.integrations.storage.protocol import ObjectNotFound
from helpdesk_api.jobs.queue import enqueue_many
from helpdesk_api.web.markdown import rendered

_COPIED = ("uploader_id", "visibility", "name", "content_type", "size_bytes", "sha256", "state")


def names_pictures(ticket: Ticket) -> bool:
    return "attachment:" in ticket.description


async def show_pictures(ticket: Ticket, ids: Collection[UUID]) -> None:
    """As a comment shows its own: those that its text names, if they are among these."""
    if names_pictures(ticket):
        ticket.description_html = await rendered(ticket.description, image_paths(ids))


@dataclass(frozen=True, slots=True)
class Copies:
    """What a ticket to be takes along: each file of a comment by the id that its copy gets."""

    originals: Mapping[UUID, Attachment]

    def renamed(self, text: str) -> str:
        """The text with its pictures by their new names."""
        for new, original in self.originals.items():
            text = text.replace(public_id("att", original.id), public_id("att", new))
        return text

    async def give_to(self, session: AsyncSession, principal: Principal, ticket: Ticket) -> None:
        """Each as its uploader's still, and as internal as it was. The objects of a request that fails have no row, and
        are swept away. Raises `storage_unavailable`."""
        now = clock.now()
        given = []
        for new, original in self.originals.items():
            try:
                with answering():
                    await storage().copy(object_key(original.id), object_key(new))
            except ObjectNotFound:
                continue
            kept = {name: getattr(original, name) for name in _COPIED}
            copy = Attachment(
                id=new, ticket_id=ticket.id, has_thumbnail=False, created_at=now, referenced_at=now, version=1, **kept
            )
            session.add(copy)
            given.append(copy)
        if not given:
            return
        await session.flush()
        for copy in given:
            await enqueue_many(session, list(follow_ups(copy)))
            await tell(session, principal, events.AttachmentAdded, copy, ticket)
        await show_pictures(ticket, [copy.id for copy in given])


async def copies_of_comment(session: AsyncSession, comment_id: UUID) -> Copies:
    """What was refused has no object any more."""
    there = Attachment.comment_id == comment_id, Attachment.state != AttachmentState.REFUSED
    found = await session.scalars(select(Attachment).where(*there).order_by(Attachment.id))
    return Copies({new_id(): original for original in found})
