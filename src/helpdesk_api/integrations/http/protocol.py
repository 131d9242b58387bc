"""What the product needs of an HTTP client."""

from collections.abc import Mapping
from typing import Protocol


class NotDelivered(Exception):
    """The other side did not take it; the message says why, without its body."""


class HttpCaller(Protocol):
    """Posts, and says whether it was taken."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Raises `NotDelivered` unless the answer is a 2xx; no redirect is followed."""
        ...

    async def close(self) -> None: ...
