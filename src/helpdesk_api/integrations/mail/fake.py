"""A transport that keeps what it was given."""

from collections import deque
from email.message import EmailMessage


class FakeMail:
    """Messages in the order they were sent; `refusals` are raised first, one per attempt."""

    def __init__(self, refusals: list[Exception] | None = None) -> None:
        self.sent: list[EmailMessage] = []
        self.refusals = deque(refusals or [])

    async def send(self, message: EmailMessage) -> None:
        if self.refusals:
            raise self.refusals.popleft()
        self.sent.append(message)

    async def close(self) -> None:
        return None
