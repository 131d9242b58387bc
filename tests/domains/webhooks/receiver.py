"""A real HTTP server of somebody else's: keeps what is posted to it, and answers when and as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True, slots=True)
class Arrived:
    path: str
    name: str
    event: dict[str, Any]
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Arrived], Awaitable[int]]


async def take(_: Arrived) -> int:
    return 204


@dataclass
class Receiver:
    answer: Answer = take
    arrived: list[Arrived] = field(default_factory=list)
    port: int = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def of(self, path: str) -> list[Arrived]:
        return [one for one in self.arrived if one.path == f"/{path}"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().rstrip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                one = Arrived(first.split()[1], headers["webhook-id"], json.loads(body), headers, body)
                self.arrived.append(one)
                status = await self.answer(one)
                writer.write(b"HTTP/1.1 %d Said\r\nContent-Length: 0\r\n\r\n" % status)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    listening = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = listening.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        listening.close()
