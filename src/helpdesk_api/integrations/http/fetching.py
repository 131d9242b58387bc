"""Reading small public files over HTTPS."""

import asyncio
import ssl
from http import HTTPStatus
from typing import Protocol

import httpcore

from helpdesk_api.integrations.http.addresses import Reachable
from helpdesk_api.integrations.http.client import guarded_pool, target_of
from helpdesk_api.integrations.http.guard import Resolve, resolve
from helpdesk_api.integrations.http.protocol import NotDelivered

TIMEOUT_SECONDS = 5.0
MAX_BYTES = 65_536


class HttpFetcher(Protocol):
    """Reads a file at an address that the caller has checked: the host is on a list of its own."""

    async def fetch(self, url: str) -> bytes:
        """Raises `NotDelivered` unless the answer is a 200 of at most 64 kB; no redirect is followed."""
        ...


class GuardedFetcher:
    """A connection for each call, since there are a few in a month; to public addresses only, as webhooks are sent."""

    def __init__(
        self,
        reachable: Reachable | None = None,
        *,
        resolver: Resolve = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._reachable = reachable or Reachable()
        self._resolver = resolver
        self._ssl_context = ssl_context

    async def fetch(self, url: str) -> bytes:
        """Raises `NotDelivered`, and `AddressRefused` for what is no public HTTPS address."""
        self._reachable.check_url(url)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self._get(url)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise NotDelivered(type(error).__name__) from error

    async def _get(self, url: str) -> bytes:
        target, host = target_of(url)
        found = bytearray()
        async with (
            guarded_pool(self._reachable, self._resolver, self._ssl_context) as pool,
            pool.stream("GET", target, headers=[("Host", host)]) as answer,
        ):
            if answer.status != HTTPStatus.OK:
                message = f"answered {answer.status}"
                raise NotDelivered(message)
            async for part in answer.aiter_stream():
                found += part
                if len(found) > MAX_BYTES:
                    message = "answered more than 64 kB"
                    raise NotDelivered(message)
        return bytes(found)
