"""What the product asks of a virus scanner."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


class NotScanned(Exception):
    """No verdict: the scanner does not answer, gave up, or takes no file of this size. It may later."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The name of what was found; none means clean."""

    signature: str | None = None

    @property
    def is_clean(self) -> bool:
        return self.signature is None


class Scanner(Protocol):
    async def scan(self, content: AsyncIterator[bytes]) -> Verdict:
        """Read the stream once. Raises NotScanned."""
        ...

    async def ping(self) -> str:
        """The scanner's version. Raises NotScanned."""
        ...
