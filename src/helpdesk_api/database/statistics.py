"""What is known of a database as a whole, and changes slowly: read now and then, and held between."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from helpdesk_api.database.reads import ReadSession

T = TypeVar("T")
_FRESH_SECONDS: Final = 600.0


class Statistic(Generic[T]):
    """`value` may be ten minutes old; before the first reading it is `unread`. Each process reads its own."""

    def __init__(self, read: Callable[[ReadSession], Awaitable[T]], unread: T) -> None:
        self.value = unread
        self._read = read
        self._read_at = float("-inf")

    async def refresh(self, reads: ReadSession) -> T:
        """No statement as a rule. Who asks while another reads goes on with what is known."""
        now = time.monotonic()
        if now - self._read_at >= _FRESH_SECONDS:
            before, self._read_at = self._read_at, now
            try:
                self.value = await self._read(reads)
            except BaseException:
                self._read_at = before
                raise
        return self.value
