"""The application on a real port, with its own listener and reader of the log, and readers of its streams."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from helpdesk_api.api_process import ApiServer, configuration
from helpdesk_api.config import Settings
from helpdesk_api.main import create_app
from tests.fixtures.clients import test_authenticator


@dataclass
class Serving:
    url: str
    server: ApiServer
    app: Any


@asynccontextmanager
async def serving(settings: Settings, database_url: str) -> AsyncIterator[Serving]:
    app = create_app(settings.model_copy(update={"database_url": database_url}))
    app.state.authenticator = test_authenticator
    server = ApiServer(configuration(settings, app), app)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        task = asyncio.create_task(server._serve([listener]))
        try:
            await until(lambda: server.started)
            yield Serving(f"http://127.0.0.1:{listener.getsockname()[1]}", server, app)
        finally:
            server.should_exit = True
            await task


@dataclass
class Message:
    """One message as a browser's EventSource would hand it over."""

    event: str
    data: Any
    id: str | None


@dataclass
class Reading:
    """What came so far, and where to go on."""

    messages: list[Message] = field(default_factory=list)
    last_id: str | None = None
    comments: int = 0

    @property
    def events(self) -> list[dict[str, Any]]:
        return [message.data for message in self.messages if message.event == "message"]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.events]

    @property
    def end(self) -> dict[str, Any] | None:
        return next((message.data for message in self.messages if message.event == "end"), None)

    async def read(self, url: str, user: Any, query: str = "", *, headers: dict[str, str] | None = None) -> int:
        """Until the stream ends. The status; a cancelled reader keeps what it has."""
        given = {"Authorization": f"Bearer test-{user.id.hex}"} if user is not None else {}
        if self.last_id is not None:
            given["Last-Event-ID"] = self.last_id
        async with (
            httpx.AsyncClient(timeout=30, verify=False) as client,
            client.stream("GET", f"{url}/v1/events/stream?{query}", headers={**given, **(headers or {})}) as reply,
        ):
            if reply.status_code != httpx.codes.OK:
                self.messages.append(Message("problem", json.loads(await reply.aread()), None))
                return reply.status_code
            assert reply.headers["content-type"].startswith("text/event-stream")
            await self._take(reply.aiter_lines())
            return reply.status_code

    async def _take(self, lines: AsyncIterator[str]) -> None:
        event, data, own_id = "message", "", None
        async for line in lines:
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                data += value
            elif name == "id":
                own_id = value
            elif not line:
                self.last_id = own_id or self.last_id
                if data:
                    self.messages.append(Message(event, json.loads(data), own_id))
                event, data, own_id = "message", "", None
            elif line.startswith(":"):
                self.comments += 1


@asynccontextmanager
async def reading(
    url: str, user: Any, query: str = "", *, headers: dict[str, str] | None = None
) -> AsyncIterator[Reading]:
    """A reader that is connected inside the block."""
    found = Reading()
    task = asyncio.create_task(found.read(url, user, query, headers=headers))
    try:
        await until(lambda: found.comments or task.done())
        yield found
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Any, *, seconds: float = 20) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the other side is a process or a socket, which sets no event
            await asyncio.sleep(0.01)
