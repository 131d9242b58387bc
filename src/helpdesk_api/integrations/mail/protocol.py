"""What the product asks of a mail transport, and the two ways in which one refuses."""

from email.message import EmailMessage
from typing import Protocol


class TemporaryRefusal(Exception):
    """Not now (RFC 5321 4yz, or no connection): the same message may be taken later."""


class PermanentRefusal(Exception):
    """Never (RFC 5321 5yz): sending the same message again is pointless."""


class MailTransport(Protocol):
    async def send(self, message: EmailMessage) -> None:
        """Hand over one message; its Message-ID is its identity over all attempts. Raises a refusal."""

    async def close(self) -> None:
        """Let go of connections."""
