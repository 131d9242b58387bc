"""A stored mail as a MIME message (RFC 5322): the same bytes on every attempt."""

from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from uuid import UUID

from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.notifications.identity import MailIdentity, ascii_domain
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.notifications.rendering import one_line

# Stands in a stored link for the token that only the delivery knows.
SECRET = "%SECRET%"  # noqa: S105 - a mark, not a secret


def message_id(mail_id: UUID, domain: str) -> str:
    return f"<{public_id('mai', mail_id)}@{domain}>"


def thread_id(ticket_id: UUID, domain: str) -> str:
    """What all mails about one ticket refer to, so that mail programs show them together."""
    return f"<{public_id('tkt', ticket_id)}@{domain}>"


def build(mail: OutboundMail, identity: MailIdentity, *, secret: str | None = None) -> EmailMessage:
    to = _address(mail.to_name, mail.to_address)
    # An address is never encoded (RFC 2047, 5): beyond ASCII it takes headers in UTF-8 (RFC 6532).
    message = EmailMessage(policy=policy.SMTP if to.username.isascii() else policy.SMTPUTF8)
    message["From"] = identity.sender
    message["To"] = to
    message["Subject"] = one_line(mail.subject)
    message["Message-ID"] = mail.message_id
    message["Date"] = format_datetime(mail.created_at)
    # RFC 3834, and what Exchange understands: no out-of-office answers to a machine.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(_revealed(mail.text, secret))
    message.add_alternative(_revealed(mail.html, secret), subtype="html")
    message.set_boundary(f"=_{mail.id.hex}")
    # Last, since setting a content drops every Content- header.
    for name, value in mail.headers.items():
        message[name] = one_line(str(value), limit=900)
    return message


def _revealed(content: str, secret: str | None) -> str:
    """The link comes last; what stands before it may be what somebody wrote, and stays."""
    before, mark, after = content.rpartition(SECRET)
    return content if secret is None or not mark else before + secret + after


def _address(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=one_line(name, limit=120), username=local, domain=ascii_domain(domain))
