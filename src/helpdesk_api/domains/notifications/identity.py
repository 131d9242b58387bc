"""Under which name the product sends: set once per process from its settings."""

from dataclasses import dataclass
from email.headerregistry import Address
from email.utils import parseaddr


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


def sender_of(text: str) -> Address:
    """`Helpdesk <help@example.com>` or the bare address."""
    name, address = parseaddr(text)
    return Address(display_name=name, addr_spec=address)


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
