"""Under which name the product sends: set once per process from its settings."""

from dataclasses import dataclass
from email.headerregistry import Address
from email.utils import parseaddr

from email_validator import validate_email


@dataclass(frozen=True, slots=True)
class MailIdentity:
    """`ticket_link` has `{reference}` and `{ticket_id}`, `password_link` has `{token}`; both are format strings."""

    sender: Address
    ticket_link: str
    password_link: str

    @property
    def domain(self) -> str:
        """The right half of every Message-ID."""
        return self.sender.domain or "localhost"


def ascii_domain(domain: str) -> str:
    """As it stands in a header and in the DNS. By IDNA 2008, as addresses are checked when they are written down: the
    standard library's codec is older, and makes the domain of somebody else of one with ß."""
    if domain.isascii():
        return domain
    return validate_email(f"x@{domain}", check_deliverability=False, globally_deliverable=False).ascii_domain


def sender_of(text: str) -> Address:
    """`Helpdesk <help@example.com>` or the bare address."""
    name, address = parseaddr(text)
    local, at, domain = address.rpartition("@")
    return Address(display_name=name, addr_spec=f"{local}@{ascii_domain(domain)}" if at else address)


_identity = MailIdentity(
    sender=sender_of("Helpdesk <helpdesk@localhost>"),
    ticket_link="http://127.0.0.1:8000/v1/tickets/{reference}",
    password_link="http://127.0.0.1:8000/password?token={token}",  # noqa: S106 - a link's shape
)


def use_identity(sender: str, *, ticket_link: str, password_link: str) -> None:
    """Called once by the process with its settings."""
    global _identity  # noqa: PLW0603 - one identity per process
    _identity = MailIdentity(sender_of(sender), ticket_link, password_link)


def identity() -> MailIdentity:
    return _identity
