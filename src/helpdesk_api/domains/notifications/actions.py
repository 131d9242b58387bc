"""What an operator may do with a mail."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.domains.notifications.enums import MailStatus
from helpdesk_api.domains.notifications.errors import MailAlreadySent, MailNotFound
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.notifications.posting import delivery_job
from helpdesk_api.jobs.queue import enqueue_many


async def requeue_mail(session: AsyncSession, mail_id: UUID) -> OutboundMail:
    """Start its attempts over, now. Raises `mail_message_not_found` and `mail_already_sent`."""
    mail = await session.scalar(select(OutboundMail).where(OutboundMail.id == mail_id).with_for_update())
    if mail is None:
        raise MailNotFound
    if mail.status is MailStatus.SENT:
        raise MailAlreadySent
    mail.status, mail.attempts, mail.next_attempt_at = MailStatus.QUEUED, 0, clock.now()
    await enqueue_many(session, [delivery_job(mail.id, attempts=0)])
    return mail
