"""Who is to learn of every event: receivers of webhooks, followers of the stream, and readers of the log.

Each keeps what it got, in the order in which it came, with the kind of person that it is.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.domains.stream.serving import Reading
from tests.domains.webhooks.receiver import Arrived, Receiver

SLOW_SECONDS = 0.03
REST_SECONDS = 0.1
# How long a follower stays before it drops the connection.
STAYS = (0.4, 3.0)


@dataclass
class Subscriber:
    """`who` names the person whose sight decides; `types` of None means all."""

    name: str
    who: str
    token: str
    types: frozenset[str] | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def query(self) -> str:
        return f"type={','.join(sorted(self.types))}" if self.types else ""


@dataclass
class Hook(Subscriber):
    """One webhook: everything that arrived, and the events that were taken with a 2xx, in order."""

    is_ordered: bool = False
    id: str = ""
    secret: str = ""
    arrived: list[Arrived] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)


class Endpoint:
    """A receiver for some hooks, by their names as paths, which can go away and come back at the same address."""

    def __init__(self, hooks: list[Hook], *, pause: float = 0.0, failing: float = 0.0) -> None:
        self._hooks = {f"/{hook.name}": hook for hook in hooks}
        self._pause, self._failing = pause, failing
        self._chance = random.Random(5)
        self._receiver = Receiver(answer=self._answer)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    def url(self, hook: Hook) -> str:
        return self._receiver.url(hook.name)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._receiver.port)
        self._receiver.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Cut off in the middle of whatever was said."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    def calm(self) -> None:
        self._failing = 0.0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._receiver.serve(reader, writer)
        finally:
            self._open.discard(writer)

    async def _answer(self, one: Arrived) -> int:
        hook = self._hooks[one.path]
        hook.arrived.append(one)
        await asyncio.sleep(self._pause)
        if self._chance.random() < self._failing:
            return 500
        hook.taken.append(one.event["id"])
        return 204


@dataclass
class StreamClient(Subscriber):
    """Follows the stream, drops it, and goes on where it was, with whichever process answers."""

    reading: Reading = field(default_factory=Reading)
    connections: int = 0

    @property
    def got(self) -> list[dict[str, Any]]:
        return self.reading.events

    async def follow(self, urls: list[str], stop: asyncio.Event, *, patiently: Callable[[], bool]) -> None:
        chance = random.Random(self.name)
        while not stop.is_set():
            self.connections += 1
            reading = self.reading.read(chance.choice(urls), None, self.query, headers=self.headers)
            task = asyncio.create_task(reading)
            waiting = asyncio.create_task(stop.wait())
            stays = 1.0 if patiently() else chance.uniform(*STAYS)
            await asyncio.wait({task, waiting}, timeout=stays, return_when=asyncio.FIRST_COMPLETED)
            for ended in (task, waiting):
                ended.cancel()
            [how, _] = await asyncio.gather(task, waiting, return_exceptions=True)
            if isinstance(how, Exception) and not isinstance(how, httpx.TransportError):
                raise how
            self._sort_out()
            await asyncio.sleep(REST_SECONDS * chance.random())

    def _sort_out(self) -> None:
        self.problems += [message.data["code"] for message in self.reading.messages if message.event == "problem"]
        self.reading.messages = [message for message in self.reading.messages if message.event == "message"]


@dataclass
class Puller(Subscriber):
    """Reads the log by `GET /v1/events`, waiting for what comes."""

    got: list[dict[str, Any]] = field(default_factory=list)
    cursor: str = ""

    async def pull(self, urls: list[str], stop: asyncio.Event) -> None:
        chance = random.Random(self.name)
        async with httpx.AsyncClient(headers=self.headers, timeout=10) as client:
            while not stop.is_set():
                given: dict[str, str | int] = {"after": self.cursor, "wait": 2, "limit": 40}
                try:
                    reply = await client.get(f"{chance.choice(urls)}/v1/events", params=given)
                except httpx.TransportError:
                    await asyncio.sleep(REST_SECONDS)
                    continue
                if reply.status_code != httpx.codes.OK:
                    self.problems.append(reply.json()["code"])
                    await asyncio.sleep(REST_SECONDS)
                    continue
                page = reply.json()
                self.got += page["data"]
                self.cursor = page["complete_through"]
