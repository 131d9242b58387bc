"""Writers that repeat a request, under its key, until it is answered: what they were told of is all there is."""

import asyncio
import random
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

SECRET = "only for the staff"
FIX = {"resolution_code": "fixed", "resolution_text": "Done as described."}
PAUSE_SECONDS = 0.05
_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})


@dataclass
class Told:
    """What was answered with success, over all writers; and the answers that were none, by status and code."""

    tickets: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    lost: int = 0

    def count(self) -> int:
        return len(self.tickets) + len(self.comments) + len(self.resolved)


@dataclass
class Writer:
    """Opens tickets as one person for one team, and works on them as an agent of it."""

    urls: list[str]
    told: Told
    requester: str
    agent: str
    category: str
    pace: float

    async def write(self, stop: asyncio.Event) -> None:
        async with httpx.AsyncClient(timeout=4) as client:
            while not stop.is_set():
                await self._story(client)

    async def _story(self, client: httpx.AsyncClient) -> None:
        """To its end, also when it is told to stop meanwhile: then everything that was begun is answered."""
        opened = {"type": "incident", "subject": "Chaos", "description": "?", "category_id": self.category}
        ticket = await self._post(client, self.requester, "/v1/tickets", opened)
        self.told.tickets.append(ticket["id"])
        path = f"/v1/tickets/{ticket['id']}"
        for token, comment in (
            (self.agent, {"body": SECRET, "visibility": "internal"}),
            (self.agent, {"body": "We are on it."}),
            (self.requester, {"body": "Thank you."}),
        ):
            made = await self._post(client, token, f"{path}/comments", comment)
            self.told.comments.append(made["id"])
        await self._post(client, self.agent, f"{path}/resolve", FIX)
        self.told.resolved.append(ticket["id"])

    async def _post(self, client: httpx.AsyncClient, token: str, path: str, body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_hex(16)}
        while True:
            await asyncio.sleep(self.pace * random.random())
            try:
                reply = await client.post(random.choice(self.urls) + path, json=body, headers=headers)
            except httpx.TransportError:
                self.told.lost += 1
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if reply.is_success:
                made: dict[str, Any] = reply.json()
                return made
            code = f"{reply.status_code} {reply.json()['code']}"
            self.told.refused[code] += 1
            waits = reply.status_code in _TRY_AGAIN or code in {"409 idempotency_in_progress", "409 busy"}
            assert waits, f"{path}: {reply.text}"
            await asyncio.sleep(PAUSE_SECONDS)
