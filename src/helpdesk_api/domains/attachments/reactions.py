"""What files do when tickets are opened and changed, and articles published; in the same transaction."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.writes import database_of
from helpdesk_api.domains.attachments.actions import attach
from helpdesk_api.domains.attachments.carrying import names_pictures, show_pictures
from helpdesk_api.domains.attachments.events import AttachmentEvent
from helpdesk_api.domains.attachments.models import Attachment
from helpdesk_api.domains.attachments.queries import ids_of_ticket
from helpdesk_api.domains.forms import queries as forms
from helpdesk_api.domains.forms.rules import FormFields
from helpdesk_api.domains.knowledge.events import ArticlePublished
from helpdesk_api.domains.tickets.actions import touch
from helpdesk_api.domains.tickets.errors import AttachmentNotUsable
from helpdesk_api.domains.tickets.events import TicketEvent
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.events import Visibility

_CHANGED = "custom_fields."


async def attach_at_opening(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """ticket.created: the files that it was opened with, and those of its form."""
    ticket: Ticket = event.ticket
    ids = await _attach_claimed(session, principal, event)
    fields = await _fields_of(session, ticket)
    if fields is not None:
        values = {**ticket.custom_fields, **ticket.internal_custom_fields}
        first = {key: (None, values[key]) for key in values}
        ids += await _attach_filled_in(session, principal, ticket, fields, first, ids)
    if ids:
        await show_pictures(ticket, ids)


async def attach_at_change(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """ticket.updated: the files that came along, what is new in the form's fields, and a description that shows other
    pictures. What was taken out of a field stays with the ticket."""
    added = await _attach_claimed(session, principal, event)
    told = {**event.changes, **event.internal_changes}
    changed = {name.removeprefix(_CHANGED): pair for name, pair in told.items() if name.startswith(_CHANGED)}
    fields = await _fields_of(session, event.ticket) if changed else None
    if fields is not None:
        added += await _attach_filled_in(session, principal, event.ticket, fields, changed, added)
    if ("description" in told or added) and names_pictures(event.ticket):
        await show_pictures(event.ticket, {*added, *await ids_of_ticket(session, event.ticket.id)})


async def show_in_description(session: AsyncSession, principal: Principal, event: AttachmentEvent) -> None:
    """attachment.released, .refused, .removed: as a comment, the ticket itself shows no lost picture."""
    del principal
    ticket: Ticket = event.ticket
    if event.entity.comment_id is not None or not names_pictures(ticket):
        return
    before = ticket.description_html
    await show_pictures(ticket, await ids_of_ticket(session, ticket.id))
    if ticket.description_html != before:
        # A scanner's word is no news of a past that is still being imported.
        touch(ticket, public=True, at=ticket.imported_until)


async def show_files_of_article(session: AsyncSession, principal: Principal, event: ArticlePublished) -> None:
    """article.published: who approved it approved the files that had come since."""
    del principal
    waiting = (Attachment.article_id == event.subject_id, Attachment.visibility == Visibility.INTERNAL)
    await session.execute(
        update(Attachment)
        .where(*waiting)
        .values(visibility=Visibility.PUBLIC, version=Attachment.version + 1)
        .execution_options(synchronize_session=False)
    )


async def _attach_claimed(session: AsyncSession, principal: Principal, event: TicketEvent) -> list[UUID]:
    """What the caller named in `attachment_ids`."""
    ids = [parse_id("att", text) for text in event.data.get("attachment_ids", ())]
    if ids:
        await attach(session, principal, event.ticket, ids)
    return ids


async def _fields_of(session: AsyncSession, ticket: Ticket) -> FormFields | None:
    """Of a form that asks for files."""
    form = await forms.form(database_of(session), ticket.form_id) if ticket.form_id is not None else None
    if form is None or ticket.form_number is None:
        return None
    fields = form.versions[ticket.form_number]
    return fields if fields.files else None


async def _attach_filled_in(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    fields: FormFields,
    changed: Mapping[str, tuple[Any, Any]],
    taken: Collection[UUID],
) -> list[UUID]:
    """What came to belong to the ticket, each by one field alone: `taken` was named elsewhere."""
    attached: list[UUID] = []
    for key in sorted(fields.files & changed.keys()):
        before, after = changed[key]
        pointer = f"#/custom_fields/{key}"
        ids = {place: parse_id("att", text) for place, text in enumerate(after or ()) if text not in (before or ())}
        for place, attachment_id in ids.items():
            if attachment_id in taken or attachment_id in attached:
                raise AttachmentNotUsable(pointer=f"{pointer}/{place}")
        if ids:
            visibility = Visibility.INTERNAL if key in fields.internal else Visibility.PUBLIC
            named = list(ids.values())
            await attach(session, principal, ticket, named, visibility=visibility, pointer=pointer, places=list(ids))
            attached += named
    return attached
