"""Posting over HTTP: one attempt within a time that covers everything, to public addresses only."""

import asyncio
import ssl
from collections.abc import Mapping

import httpcore
import httpx

from helpdesk_api.integrations.http.addresses import Reachable
from helpdesk_api.integrations.http.guard import GuardedBackend, Resolve, resolve
from helpdesk_api.integrations.http.protocol import AddressRefused, HttpAnswer, NotDelivered

TIMEOUT_SECONDS = 15.0
HEAD_BYTES = 4_096
MAX_CONNECTIONS = 200
# Shorter than what servers keep an idle connection open for: none is used that they are just closing.
KEEPALIVE_SECONDS = 2.0


class GuardedCaller:
    """One pool for the life of a worker. It follows no redirect, uses no proxy, and reads the beginning of an answer.

    httpcore itself, since httpx offers no public way to say how connections are made.
    """

    def __init__(
        self,
        reachable: Reachable | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        resolver: Resolve = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._reachable = reachable or Reachable()
        self._timeout = timeout_seconds
        self._pool = guarded_pool(self._reachable, resolver, ssl_context)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        """Raises `NotDelivered` and `AddressRefused`."""
        self._reachable.check_url(url)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(url, body, headers)
        except TimeoutError as error:
            message = f"no answer within {self._timeout:g} seconds"
            raise NotDelivered(message) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            message = f"{type(error).__name__}: {error}"[:500]
            raise NotDelivered(message) from error

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        target, host = target_of(url)
        sent = {"Host": host, "Content-Length": str(len(body)), **headers}
        request = [(name.encode("ascii"), value.encode("ascii")) for name, value in sent.items()]
        async with self._pool.stream("POST", target, headers=request, content=body) as answer:
            head = bytearray()
            async for part in answer.aiter_stream():
                head += part
                if len(head) >= HEAD_BYTES:
                    break
            return HttpAnswer(answer.status, head[:HEAD_BYTES].decode("utf-8", "replace").replace("\x00", "\ufffd"))

    async def close(self) -> None:
        await self._pool.aclose()


def guarded_pool(
    reachable: Reachable, resolver: Resolve, ssl_context: ssl.SSLContext | None
) -> httpcore.AsyncConnectionPool:
    return httpcore.AsyncConnectionPool(
        ssl_context=ssl_context or httpx.create_ssl_context(trust_env=False),
        max_connections=MAX_CONNECTIONS,
        keepalive_expiry=KEEPALIVE_SECONDS,
        network_backend=GuardedBackend(reachable, resolver=resolver),
    )


def target_of(text: str) -> tuple[httpcore.URL, str]:
    """What is asked of whom, and the `Host`; an international name in the form that DNS knows."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        message = "this is no URL"
        raise AddressRefused(message) from error
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    return target, url.netloc.decode("ascii")
