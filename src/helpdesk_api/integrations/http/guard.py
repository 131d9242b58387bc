"""Connections to public addresses only, judged at the moment of connecting.

A name may stand for another address each time it is asked, so what counts is the address that is connected to. TLS
keeps the name: it is made above this.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import httpcore

from helpdesk_api.integrations.http.addresses import Address, Reachable
from helpdesk_api.integrations.http.protocol import AddressRefused

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """As the system does it, with every spelling that it knows. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves once, requires every address to be reachable, and connects to those addresses, not to the name."""

    def __init__(
        self,
        reachable: Reachable,
        *,
        resolver: Resolve = resolve,
        inner: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._reachable = reachable
        self._resolve = resolver
        self._inner = inner or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._addresses(host, port)
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            found = await self._resolve(host, port)
            addresses = list(dict.fromkeys(ipaddress.ip_address(text) for text in found))
        except (OSError, ValueError) as error:
            message = "the name does not resolve"
            raise httpcore.ConnectError(message) from error
        if not all(self._reachable.allows(address) for address in addresses):
            message = "the name stands for an address that is not a public one"
            raise AddressRefused(message)
        return addresses

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        del path, timeout, socket_options
        message = "sockets of this machine are not called"
        raise AddressRefused(message)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
