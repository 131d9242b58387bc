"""Writing mails down: one row per event, template and person, and the job that delivers it, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.notifications.enums import NEEDED, MailStatus, MailTemplate
from helpdesk_api.domains.notifications.identity import MailIdentity, identity
from helpdesk_api.domains.notifications.message import SECRET, message_id, thread_id
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.notifications.recipients import Recipient
from helpdesk_api.domains.notifications.rendering import Quote, language_of, render
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.jobs.queue import NewJob, enqueue_many

DELIVER_JOB = "mail.deliver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail to be. Whether its reader may read it was decided before."""

    template: MailTemplate
    to: Recipient
    facts: Mapping[str, Any]
    quote: Quote | None = None
    ticket: Ticket | None = None
    secret_reference: UUID | None = field(default=None)


async def post(session: AsyncSession, event_id: UUID, letters: Sequence[Letter]) -> None:
    """Doing it twice changes nothing more: the pair of event and person is unique for each template. What somebody
    does not want is not written, but for what they need."""
    rows = [
        _row(event_id, letter, letter.to.address)
        for letter in letters
        if letter.to.address is not None and (letter.template in NEEDED or letter.template not in letter.to.unwanted)
    ]
    if not rows:
        return
    written = await session.scalars(
        insert(OutboundMail).values(rows).on_conflict_do_nothing().returning(OutboundMail.id)
    )
    await enqueue_many(session, [delivery_job(mail_id, attempts=0) for mail_id in written])


def delivery_job(mail_id: UUID, *, attempts: int, **options: Any) -> NewJob:
    """Each attempt has a key of its own: the next one is enqueued while the present one still runs."""
    return NewJob(
        name=DELIVER_JOB, payload={"mail_id": mail_id.hex}, dedupe_key=f"mail:{mail_id.hex}:{attempts}", **options
    )


def _row(event_id: UUID, letter: Letter, address: str) -> dict[str, Any]:
    us, to, ticket = identity(), letter.to, letter.ticket
    language = language_of(to.locale)
    facts = {"recipient": to.name, "sender": us.sender.display_name or us.domain, "address": address, **letter.facts}
    if ticket is not None:
        facts |= {"reference": ticket.reference, "title": ticket.subject}
    rendered = render(letter.template, language, facts, quote=letter.quote, link=_link(us, letter))
    mail_id = new_id()
    return {
        "id": mail_id,
        "event_id": event_id,
        "template": letter.template,
        "recipient_id": to.id,
        "ticket_id": ticket.id if ticket is not None else None,
        "to_name": to.name,
        "to_address": address,
        "message_id": message_id(mail_id, us.domain),
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
        "headers": {"Content-Language": language, **(_threading(us, ticket) if ticket is not None else {})},
        "secret_reference": letter.secret_reference,
        "status": MailStatus.QUEUED,
        "attempts": 0,
        "next_attempt_at": clock.now(),
        "created_at": clock.now(),
    }


def _threading(us: MailIdentity, ticket: Ticket) -> dict[str, str]:
    root = thread_id(ticket.id, us.domain)
    return {"In-Reply-To": root, "References": root, "X-Helpdesk-Ticket": ticket.reference}


def _link(us: MailIdentity, letter: Letter) -> str | None:
    if letter.ticket is not None:
        return us.ticket_link.format(reference=letter.ticket.reference, ticket_id=public_id("tkt", letter.ticket.id))
    return us.password_link.replace("{token}", SECRET) if letter.secret_reference is not None else None
