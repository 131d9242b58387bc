"""clamd over TCP: the INSTREAM command, in pieces of a size that it reads well."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import suppress

from helpdesk_api.integrations.antivirus.protocol import NotScanned, Verdict

TIMEOUT_SECONDS = 120.0
_PIECE = 256 * 1024
_ANSWER_LIMIT = 4_096
DEFAULT_PORT = 3310


class InvalidClamdAddress(ValueError):
    """`host[:port]`; the port is 3310 when left out."""


class ClamdScanner:
    """One connection for each scan: clamd ends a session after an error, and says so only by hanging up."""

    def __init__(self, address: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        host, _, port = address.rpartition(":") if ":" in address else (address, "", str(DEFAULT_PORT))
        if not host or not port.isdecimal():
            raise InvalidClamdAddress(InvalidClamdAddress.__doc__)
        self._host, self._port, self._timeout = host.strip("[]"), int(port), timeout

    async def scan(self, content: AsyncIterator[bytes]) -> Verdict:
        answer = await self._ask(b"zINSTREAM\0", content)
        if answer == "stream: OK":
            return Verdict()
        if answer.startswith("stream: ") and answer.endswith(" FOUND"):
            return Verdict(answer.removeprefix("stream: ").removesuffix(" FOUND")[:200])
        raise NotScanned(answer[:500] or "clamd hung up without an answer")

    async def ping(self) -> str:
        return await self._ask(b"zVERSION\0", None)

    async def _ask(self, command: bytes, content: AsyncIterator[bytes] | None) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                reader, writer = await asyncio.open_connection(self._host, self._port, limit=_ANSWER_LIMIT)
                try:
                    return await self._talk(reader, writer, command, content)
                finally:
                    writer.close()
                    with suppress(OSError):
                        await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise NotScanned(f"{type(error).__name__}: {error}"[:500]) from error

    async def _talk(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        command: bytes,
        content: AsyncIterator[bytes] | None,
    ) -> str:
        writer.write(command)
        if content is not None:
            async for chunk in content:
                for place in range(0, len(chunk), _PIECE):
                    piece = chunk[place : place + _PIECE]
                    writer.write(struct.pack("!L", len(piece)) + piece)
                    await writer.drain()
            writer.write(struct.pack("!L", 0))
        await writer.drain()
        return (await reader.readuntil(b"\0")).rstrip(b"\0").decode("utf-8", "replace").strip()
