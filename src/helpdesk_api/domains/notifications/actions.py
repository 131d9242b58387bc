"""What an operator may do with a mail, and everybody with those that they would get."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.notifications.enums import MailStatus, MailTemplate
from helpdesk_api.domains.notifications.errors import MailAlreadySent, MailNotFound
from helpdesk_api.domains.notifications.events import NotificationPreferencesChanged
from helpdesk_api.domains.notifications.models import NotificationPreferences, OutboundMail
from helpdesk_api.domains.notifications.posting import delivery_job
from helpdesk_api.domains.users.models import User
from helpdesk_api.jobs.queue import enqueue_many
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record


async def lock_unwanted(session: AsyncSession, user_id: UUID) -> list[str]:
    """What somebody has said so far; they say it once at a time."""
    await session.get_one(User, user_id, with_for_update=True)
    kept = select(NotificationPreferences.unwanted).where(NotificationPreferences.user_id == user_id)
    return await session.scalar(kept) or []


async def set_unwanted(
    session: AsyncSession, principal: Principal, before: Sequence[str], unwanted: Collection[MailTemplate]
) -> list[str]:
    """The caller's own, in the place of those `before`, which are locked; from the next mail on. In the order of the
    alphabet."""
    names = sorted({template.value for template in unwanted})
    if names == sorted(before):
        return names
    kept = insert(NotificationPreferences).values(user_id=principal.user_id, unwanted=names)
    await session.execute(
        kept.on_conflict_do_update(index_elements=["user_id"], set_={"unwanted": kept.excluded.unwanted})
    )
    event = NotificationPreferencesChanged(
        subject_id=principal.user_id,
        visibility=Visibility.INTERNAL,
        changes={"unwanted": (list(before), names)},
        data={"user_id": public_id("usr", principal.user_id)},
    )
    await record(session, principal, event)
    return names


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
