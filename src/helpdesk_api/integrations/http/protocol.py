"""What the product needs of an HTTP client."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol


class NotDelivered(Exception):
    """The other side did not take it; the message says why, without its body."""


class AddressRefused(NotDelivered):
    """Nothing was sent: the URL, or an address that its name stands for, is not one that we call."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """`head` is the beginning of the body, as text; the rest was not read."""

    status: int
    head: str

    @property
    def is_success(self) -> bool:
        """A 2xx; a redirect is none, since none is followed."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


class HttpCaller(Protocol):
    """Posts, and says what was answered."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        """Raises `NotDelivered` when there is no answer in time, and `AddressRefused`; no redirect is followed."""
        ...

    async def close(self) -> None: ...
