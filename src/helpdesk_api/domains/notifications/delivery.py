"""Handing mails to a transport: the row is locked while it is sent, and the outcome commits with it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.domains.authentication.actions import issue_reset_token
from helpdesk_api.domains.notifications.enums import MailStatus
from helpdesk_api.domains.notifications.identity import identity
from helpdesk_api.domains.notifications.message import build
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.notifications.posting import delivery_job
from helpdesk_api.domains.users.models import User
from helpdesk_api.integrations.mail.protocol import MailTransport, PermanentRefusal, TemporaryRefusal
from helpdesk_api.jobs.queue import enqueue_many

# Pauses after each refusal; after the last one, some three days on, the mail is a dead letter.
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400, 86_400)
)
_ERROR_LIMIT = 1_000
_transport: MailTransport | None = None


def use_transport(transport: MailTransport) -> None:
    """Called once by the process that delivers."""
    global _transport  # noqa: PLW0603 - one transport per process
    _transport = transport


async def deliver(session: AsyncSession, payload: dict[str, Any]) -> None:
    """The job: one attempt. A mail that is sent or given up is left alone, so a repeated job is harmless."""
    mail = await session.scalar(
        select(OutboundMail).where(OutboundMail.id == UUID(hex=payload["mail_id"])).with_for_update()
    )
    if mail is None or mail.status in (MailStatus.SENT, MailStatus.DEAD):
        return
    mail.attempts += 1
    if await session.scalar(select(User.deactivated_at).where(User.id == mail.recipient_id)) is not None:
        _give_up(mail, "The recipient was deactivated.")
        return
    try:
        await _send(session, mail)
    except PermanentRefusal as refusal:
        _give_up(mail, str(refusal))
    except TemporaryRefusal as refusal:
        await _try_again(session, mail, str(refusal))
    else:
        mail.status, mail.sent_at, mail.next_attempt_at, mail.last_error = MailStatus.SENT, clock.now(), None, None


async def _send(session: AsyncSession, mail: OutboundMail) -> None:
    if _transport is None:
        message = "no mail transport was installed"
        raise RuntimeError(message)
    secret = None
    if mail.secret_reference is not None:
        try:
            secret = await issue_reset_token(session, mail.secret_reference)
        except NoResultFound as error:
            message = "The link that this mail was to carry has expired."
            raise PermanentRefusal(message) from error
    await _transport.send(build(mail, identity(), secret=secret))


def _give_up(mail: OutboundMail, reason: str) -> None:
    mail.status, mail.next_attempt_at, mail.last_error = MailStatus.DEAD, None, reason[:_ERROR_LIMIT]


async def _try_again(session: AsyncSession, mail: OutboundMail, reason: str) -> None:
    if mail.attempts > len(PAUSES):
        _give_up(mail, reason)
        return
    run_at = clock.now() + PAUSES[mail.attempts - 1]
    mail.status, mail.next_attempt_at, mail.last_error = MailStatus.FAILED, run_at, reason[:_ERROR_LIMIT]
    await enqueue_many(session, [delivery_job(mail.id, attempts=mail.attempts, run_at=run_at)])
