"""Reading small public files over HTTPS with httpx."""

from typing import Protocol

import httpx

from helpdesk_api.integrations.http.protocol import NotDelivered

TIMEOUT_SECONDS = 5.0
MAX_BYTES = 65_536


class HttpFetcher(Protocol):
    """Reads a file at an address that the caller has checked: the host is on a list of its own."""

    async def fetch(self, url: str) -> bytes:
        """Raises `NotDelivered` unless the answer is a 200 of at most 64 kB; no redirect is followed."""
        ...


class HttpxFetcher:
    """A client for each call: there are a few in a month."""

    async def fetch(self, url: str) -> bytes:
        if not url.startswith("https://"):
            message = "only https is read"
            raise NotDelivered(message)
        found = bytearray()
        try:
            async with (
                httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client,
                client.stream("GET", url) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    message = f"answered {answer.status_code}"
                    raise NotDelivered(message)
                async for chunk in answer.aiter_bytes():
                    found += chunk
                    if len(found) > MAX_BYTES:
                        message = "answered more than 64 kB"
                        raise NotDelivered(message)
        except httpx.HTTPError as error:
            raise NotDelivered(type(error).__name__) from error
        return bytes(found)
