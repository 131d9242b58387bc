"""Asking the scanner: a file stays apart until there is a verdict, however long that takes."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.domains.attachments import events, storing
from helpdesk_api.domains.attachments.actions import tell
from helpdesk_api.domains.attachments.enums import AttachmentState
from helpdesk_api.domains.attachments.jobs import DROP_OBJECTS, SCAN, follow_ups
from helpdesk_api.domains.attachments.models import Attachment
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.integrations.antivirus.protocol import NotScanned, Verdict
from helpdesk_api.integrations.storage.protocol import ObjectNotFound
from helpdesk_api.jobs.queue import enqueue, enqueue_many

logger = structlog.get_logger(__name__)
_FIRST_PAUSE, _LAST_PAUSE = timedelta(seconds=5), timedelta(hours=1)


async def scan(session: AsyncSession, payload: dict[str, Any]) -> None:
    """The job: without a verdict it asks again later, with pauses that double up to an hour.

    The stream runs before the first statement: no transaction is open for as long as a scan takes.
    """
    attachment_id, attempt = UUID(hex=payload["attachment_id"]), int(payload["attempt"])
    scanner = storing.scanner()
    try:
        # Without a scanner there is no quarantine; what waited for one is treated like what comes now.
        verdict = await scanner.scan(storing.content_of(attachment_id)) if scanner is not None else Verdict()
    except ObjectNotFound:
        return
    except NotScanned as error:
        logger.warning("attachment_not_scanned", attachment_id=attachment_id.hex, attempt=attempt, error=str(error))
        await _ask_again(session, attachment_id, attempt + 1)
        return
    await _judge(session, attachment_id, verdict)


async def _ask_again(session: AsyncSession, attachment_id: UUID, attempt: int) -> None:
    pause = min(_FIRST_PAUSE * 2 ** min(attempt - 1, 16), _LAST_PAUSE)
    await enqueue(
        session,
        SCAN,
        {"attachment_id": attachment_id.hex, "attempt": attempt},
        dedupe_key=f"scan:{attachment_id.hex}:{attempt}",
        run_at=clock.now() + pause,
    )


async def _judge(session: AsyncSession, attachment_id: UUID, verdict: Verdict) -> None:
    ticket_id = await session.scalar(select(Attachment.ticket_id).where(Attachment.id == attachment_id))
    ticket = None
    if ticket_id is not None:
        ticket = await session.scalar(select(Ticket).where(Ticket.id == ticket_id).with_for_update())
    attachment = await session.scalar(select(Attachment).where(Attachment.id == attachment_id).with_for_update())
    if attachment is None or attachment.state is not AttachmentState.SCANNING:
        return
    if attachment.ticket_id != ticket_id:
        # It was referred to, or its ticket was merged, between the two statements.
        message = "the attachment moved while it was judged; the job runs again"
        raise RuntimeError(message)
    attachment.version += 1
    if verdict.is_clean:
        attachment.state = AttachmentState.AVAILABLE
        await enqueue_many(session, list(follow_ups(attachment)))
        kind: type[events.AttachmentEvent] = events.AttachmentReleased
    else:
        attachment.state, attachment.signature = AttachmentState.REFUSED, verdict.signature
        await enqueue(session, DROP_OBJECTS, {"keys": storing.keys_of(attachment_id)})
        kind = events.AttachmentRefused
    await session.flush()
    if ticket is not None:
        await tell(session, Principal.system(), kind, attachment, ticket, verdict.signature)
