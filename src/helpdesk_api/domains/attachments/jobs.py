"""What the worker does for files: scanning, small pictures, and taking away what nothing refers to."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.domains.attachments import storing
from helpdesk_api.domains.attachments.enums import AttachmentState
from helpdesk_api.domains.attachments.models import Attachment
from helpdesk_api.domains.attachments.sniffing import PICTURES
from helpdesk_api.domains.attachments.thumbnails import MAX_PICTURE_BYTES, NoThumbnail, shrink
from helpdesk_api.domains.tickets.policy import any_of
from helpdesk_api.integrations.storage.protocol import ObjectNotFound
from helpdesk_api.jobs.queue import NewJob, enqueue_many

SCAN = "attachments.scan"
SHRINK = "attachments.shrink"
DROP_OBJECTS = "attachments.drop_objects"
DROP_UNREFERENCED = "attachments.drop_unreferenced"
SWEEP = "attachments.sweep"
KEPT_UNREFERENCED = timedelta(hours=24)
# An upload of many gigabytes over a slow line is longer on its way than this only if something is wrong.
ORPHAN_AGE = timedelta(hours=24)
_BATCH, _OBJECTS = 1_000, 100


def follow_ups(attachment: Attachment) -> Iterator[NewJob]:
    """What there is to do with a file in its present state."""
    payload = {"attachment_id": attachment.id.hex}
    if attachment.state is AttachmentState.SCANNING:
        yield NewJob(name=SCAN, payload={**payload, "attempt": 0}, dedupe_key=f"scan:{attachment.id.hex}:0")
    elif attachment.content_type in PICTURES and attachment.size_bytes <= MAX_PICTURE_BYTES:
        yield NewJob(name=SHRINK, payload=payload, dedupe_key=f"shrink:{attachment.id.hex}")


async def make_thumbnail(session: AsyncSession, payload: dict[str, Any]) -> None:
    """The job: a picture that cannot be read has none, and that is the end of it."""
    attachment_id = UUID(hex=payload["attachment_id"])
    try:
        small = await shrink(storing.content_of(attachment_id))
    except (ObjectNotFound, NoThumbnail):
        return
    async with storing.storage().write(storing.object_key(attachment_id, thumbnail=True)) as writer:
        await writer.write(small)
    await session.execute(
        update(Attachment)
        .where(Attachment.id == attachment_id, Attachment.state == AttachmentState.AVAILABLE)
        .values(has_thumbnail=True, version=Attachment.version + 1)
    )


async def drop_objects(session: AsyncSession, payload: dict[str, Any]) -> None:
    """The job that a deletion leaves: it runs after the commit, and again if it was cut short."""
    del session
    await storing.storage().delete(payload["keys"])


async def drop_unreferenced(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: uploads that nothing came to refer to; one that is just being referred to waits for its end."""
    del payload
    old = (
        select(Attachment.id)
        .where(
            Attachment.ticket_id.is_(None),
            Attachment.article_id.is_(None),
            Attachment.draft_id.is_(None),
            Attachment.created_at < clock.now() - KEPT_UNREFERENCED,
        )
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    ids = (await session.scalars(old)).all()
    if not ids:
        return
    await session.execute(delete(Attachment).where(any_of(Attachment.id, ids)))
    keys = [key for identifier in ids for key in storing.keys_of(identifier)]
    following = [
        NewJob(name=DROP_OBJECTS, payload={"keys": keys[place : place + _OBJECTS]})
        for place in range(0, len(keys), _OBJECTS)
    ]
    if len(ids) == _BATCH:
        # There may be more, and an hour brings more than one batch where many people upload.
        following.append(NewJob(name=DROP_UNREFERENCED, payload={}))
    await enqueue_many(session, following)


async def sweep(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: objects without a row, as a process leaves them that dies between the two."""
    del payload
    before = clock.now() - ORPHAN_AGE
    storage = storing.storage()
    await storage.drop_unfinished(before)
    async for listed in storage.list():
        owners = {one.key: storing.owner_of(one.key) for one in listed if one.modified_at < before}
        ids = {owner for owner in owners.values() if owner is not None}
        if not ids:
            continue
        known = set((await session.scalars(select(Attachment.id).where(any_of(Attachment.id, list(ids))))).all())
        orphans = [key for key, owner in owners.items() if owner is not None and owner not in known]
        await storage.delete(orphans)
