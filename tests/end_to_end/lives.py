"""What happens to each ticket of the run, and what must be found afterwards: its events and its mails."""

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.end_to_end.desk import Desk, posted
from tests.end_to_end.real_tickets import RealTicket

SOURCE = "real-input"
SECRET = "kept between agents"
FIX = {"resolution_code": "fixed", "resolution_text": "Done as described."}
SCENARIOS = 8


@dataclass
class Life:
    """One ticket: what was done, and so what is expected of its history and of the mails about it."""

    row: RealTicket
    scenario: int
    requester: str
    ticket: dict[str, Any] = field(default_factory=dict)
    events: list[str] = field(default_factory=lambda: ["ticket.created"])
    mails: Counter[str] = field(default_factory=lambda: Counter({"received": 1, "assigned": 1}))
    # Of a chain of assignments only those that still hold when the mail is written are told.
    passing_assignments: int = 0
    status: str = "open"


async def live(desk: Desk, row: RealTicket, number: int) -> Life:
    life = Life(row, number % SCENARIOS, desk.requesters[number % len(desk.requesters)])
    life.ticket = await _open(desk, life, number)
    await _STORIES[life.scenario](Teller(desk, life))
    return life


async def _open(desk: Desk, life: Life, number: int) -> dict[str, Any]:
    """Once, twice at the same moment, or cut off and tried again: always under the row's own key."""
    client = desk.client(life.requester)
    body = {
        "type": "incident",
        "subject": life.row.subject,
        "description": life.row.body,
        "category_id": desk.categories[life.row.queue],
        "impact": ("low", "medium", "high")[number % 3],
        "urgency": ("low", "medium", "high")[number // 3 % 3],
        # What names another system's record is for staff and integrations to say.
        "tags": [life.row.source, SOURCE],
        "affected_service": life.row.key,
    }
    headers = {"Idempotency-Key": life.row.key}
    if number % 5 == 1:
        replies = await asyncio.gather(*[client.post("/v1/tickets", json=body, headers=headers) for _ in range(2)])
        made = [reply for reply in replies if reply.status_code == httpx.codes.CREATED]
        waited = [reply for reply in replies if reply not in made]
        # One that waited for five seconds, for its twin or for a record, is told so; it asks again below.
        assert {reply.json()["code"] for reply in waited} <= {"idempotency_in_progress", "busy"}, waited
        assert len({reply.content for reply in made}) == 1
        assert [reply.headers.get("idempotency-replayed") for reply in made].count(None) == 1
    if number % 5 == 2:
        with contextlib.suppress(httpx.TimeoutException):
            await client.post("/v1/tickets", json=body, headers=headers, timeout=0.005)
    for _ in range(60):
        reply = await client.post("/v1/tickets", json=body, headers=headers)
        if reply.status_code != httpx.codes.CONFLICT:
            break
        await asyncio.sleep(0.25)
    assert reply.status_code == httpx.codes.CREATED, reply.text
    ticket: dict[str, Any] = reply.json()
    assert ticket["assignee_id"] in desk.agents, ticket
    return ticket


class Teller:
    """The acts of a story; each notes what it must have caused."""

    def __init__(self, desk: Desk, life: Life) -> None:
        self._desk = desk
        self._life = life
        self._assignee = str(life.ticket["assignee_id"])
        self._path = f"/v1/tickets/{life.ticket['id']}"

    async def by_agent(self, verb: str, body: dict[str, Any] | None = None, *, status: str) -> None:
        await self._act(self._assignee, verb, body, status)
        if verb == "resolve":
            self._life.mails["resolved"] += 1

    async def by_requester(self, verb: str, body: dict[str, Any] | None = None, *, status: str) -> None:
        await self._act(self._life.requester, verb, body, status)
        if verb == "reopen":
            self._life.mails["reopened"] += 1

    async def _act(self, who: str, verb: str, body: dict[str, Any] | None, status: str) -> None:
        answer = await posted(self._desk.client(who), f"{self._path}/{verb}", body or {}, 200)
        assert answer["status"] == status, answer
        names = {"pend": "pended", "cancel": "cancelled", "reopen": "reopened", "start": "started"}
        self._life.events.append(f"ticket.{names.get(verb, verb.removesuffix('e') + 'ed')}")
        self._life.status = status

    async def note(self) -> None:
        body = {"body": f"{SECRET}: {self._life.row.key}", "visibility": "internal"}
        await posted(self._desk.client(self._assignee), f"{self._path}/comments", body)
        self._life.events.append("comment.created")

    async def answer(self) -> None:
        await posted(self._desk.client(self._assignee), f"{self._path}/comments", {"body": "We are on it."})
        self._life.events.append("comment.created")
        self._life.mails["replied"] += 1

    async def reply(self, *, then: str | None = None, status: str | None = None) -> None:
        await posted(self._desk.client(self._life.requester), f"{self._path}/comments", {"body": "Noch nicht gut."})
        self._life.events += ["comment.created", *([then] if then else [])]
        self._life.mails["requester_replied"] += 1
        self._life.status = status or self._life.status

    async def pass_on(self) -> None:
        other = next(agent for agent in self._desk.agents if agent != self._assignee)
        body = {"assignee_id": other, "replace": True, "reason": "Knows this best."}
        await posted(self._desk.admin, f"{self._path}/assignments", body)
        self._life.events.append("ticket.assigned")
        self._life.mails["assigned"] += 1
        self._life.mails["in_good_hands"] += 1
        self._life.passing_assignments += 1
        self._assignee = other


async def _only_opened(teller: Teller) -> None:
    del teller


async def _discussed(teller: Teller) -> None:
    await teller.note()
    await teller.answer()
    await teller.reply()


async def _confirmed(teller: Teller) -> None:
    await teller.by_agent("start", status="in_progress")
    await teller.by_agent("resolve", FIX, status="resolved")
    await teller.by_requester("confirm", status="closed")


async def _waited_for(teller: Teller) -> None:
    await teller.by_agent("start", status="in_progress")
    await teller.by_agent("pend", {"reason": "requester"}, status="pending")
    await teller.reply(then="ticket.resumed", status="in_progress")
    await teller.by_agent("resolve", FIX, status="resolved")
    await teller.by_requester("confirm", status="closed")


async def _reopened(teller: Teller) -> None:
    await teller.by_agent("resolve", FIX, status="resolved")
    await teller.by_requester("reopen", {"reason": "It came back."}, status="in_progress")
    await teller.by_agent("resolve", FIX, status="resolved")
    await teller.by_requester("confirm", status="closed")


async def _cancelled(teller: Teller) -> None:
    await teller.by_requester("cancel", {"reason": "Solved itself."}, status="cancelled")


async def _passed_on(teller: Teller) -> None:
    await teller.note()
    await teller.pass_on()
    await teller.answer()
    await teller.by_agent("resolve", FIX, status="resolved")


async def _disputed_by_reply(teller: Teller) -> None:
    await teller.by_agent("resolve", FIX, status="resolved")
    await teller.reply(then="ticket.reopened", status="in_progress")
    await teller.by_agent("resolve", FIX, status="resolved")


_STORIES = (
    _only_opened,
    _discussed,
    _confirmed,
    _waited_for,
    _reopened,
    _cancelled,
    _passed_on,
    _disputed_by_reply,
)
