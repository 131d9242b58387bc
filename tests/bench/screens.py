"""What each screen costs, at each size of the desk: one call a screen, its latency, CPU and statements.

Runs in this process, through the application without a socket, so that a screen's figure is its own. Searches are held
against lists of the same run, page 1,000 against page 1, and each screen against itself on the smallest desk.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import cache, clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication import tokens
from helpdesk_api.domains.authentication.keys import key_set
from helpdesk_api.domains.bulk import jobs
from helpdesk_api.jobs.runner import run_due
from helpdesk_api.main import create_app
from tests.bench.contenders import Desk, settings_for
from tests.bench.cpu import used_by_server
from tests.bench.measuring import settle
from tests.bench.seed import WORDS
from tests.factories.records import make_user

_VIEWS, _PAGE, _BULK = 20, 1_000, 1_000
_ROWS = 5
_ACTIVE = "status=open,in_progress,pending"
# In one comment of all: no syllables of the seed's make it.
_NEEDLE = "quixotry"
_SEARCH_BUDGET, _PAGE_BUDGET, _GROWTH_BUDGET = 3.0, 1.5, 1.5
# On a larger desk there are more rooms and more people, but no more in one room, and no more of one person's: 50
# tickets have the same room, about ten of them the agent's team's, and one requester has 40 through all the years.
_ROOMS = text(
    "UPDATE tickets SET custom_fields = jsonb_build_object('room', 'r' || (number - 100000) / 5000)"
    " WHERE number % 100 = 0"
)
_REQUESTS = 40
_OF_ONE = text("UPDATE tickets SET requester_id = :one, submitter_id = :one WHERE number % :step = 0")
_FIRST, _DEEP, _LIST = "all tickets, page 1", f"all tickets, page {_PAGE:,}", "agent: my open tickets"
_HEAD = f"{'screen':<34}{'p50 ms':>8}{'p95 ms':>8}{'cpu ms':>8}{'pg ms':>8}{'stmts':>7}{'growth':>8}"


@dataclass(frozen=True)
class Screen:
    """Whoever asks, and what they ask in the n-th turn."""

    name: str
    who: UUID
    path: Callable[[int], str]


@dataclass(frozen=True)
class Cost:
    """Latencies in ms, and CPU of ours and of PostgreSQL's, of one call."""

    median: float
    high: float
    ours: float
    postgres: float
    statements: int


class Counting:
    """The application, noting how many statements its last request sent."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.statements = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)
        self.statements = scope["state"]["statement_count"]


@dataclass
class Lane:
    """One desk, served in this process."""

    desk: Desk
    client: httpx.AsyncClient
    counting: Counting
    database: Database
    postmaster: int
    agent: UUID
    requester: UUID
    admin: UUID

    def headers(self, user: UUID) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.desk.tokens[user]}"}

    async def get(self, user: UUID, path: str) -> Any:
        reply = await self.client.get(path, headers=self.headers(user))
        assert reply.status_code == 200, f"{path}: {reply.text[:500]}"
        return reply.json()

    async def post(self, user: UUID, path: str, body: Any) -> Any:
        reply = await self.client.post(path, headers=self.headers(user), json=body)
        assert reply.is_success, f"{path}: {reply.text[:500]}"
        return reply.json()


def print_screens(desks: Sequence[Desk], postmaster: int, *, turns: int) -> None:
    """The smallest desk first: the others are held against it."""
    asyncio.run(_all(desks, postmaster, turns))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _all(desks: Sequence[Desk], postmaster: int, turns: int) -> None:
    first: dict[str, Cost] = {}
    misses: list[str] = []
    for desk in desks:
        async with _lane(desk, postmaster) as lane:
            _say(f"\nscreens at {desk.tickets:,} tickets\n{_HEAD}")
            found: dict[str, Cost] = {}
            for screen in await _screens(lane):
                cost = found[screen.name] = await _cost(lane, screen, turns)
                growth = (cost.ours + cost.postgres) / _sum(first.setdefault(screen.name, cost))
                _say(
                    f"{screen.name:<34}{cost.median:>8.2f}{cost.high:>8.2f}{cost.ours:>8.2f}{cost.postgres:>8.2f}"
                    f"{cost.statements:>7}{growth:>8.2f}"
                )
                if growth > _GROWTH_BUDGET:
                    misses.append(f"{screen.name}, {desk.tickets:,} tickets: {growth:.2f} times the smallest desk")
            misses += _compare(desk, found)
            await _bulk(lane)
    _say("\nOver budget:" if misses else "\nEvery screen is within its budget.")
    for miss in misses:
        _say(f"- {miss}")


def _sum(cost: Cost) -> float:
    return max(cost.ours + cost.postgres, 0.001)


def _compare(desk: Desk, found: dict[str, Cost]) -> list[str]:
    misses = []
    where = f"{desk.tickets:,} tickets"
    for name, cost in found.items():
        ratio = cost.high / found[_LIST].high
        if name.startswith("search") and ratio > _SEARCH_BUDGET:
            misses.append(f"{name}, {where}: p95 {ratio:.1f} times a list's")
    ratio = _sum(found[_DEEP]) / _sum(found[_FIRST])
    _say(f"page {_PAGE:,} costs {ratio:.2f} times page 1")
    return misses if ratio <= _PAGE_BUDGET else [*misses, f"page {_PAGE:,}, {where}: {ratio:.2f} times page 1"]


@asynccontextmanager
async def _lane(desk: Desk, postmaster: int) -> AsyncIterator[Lane]:
    database = Database(desk.url)
    counting = Counting(create_app(settings_for(desk.url), database=database))
    cache.set_listening(listening=True)
    settle()
    transport = httpx.ASGITransport(app=counting)
    agent = next(agent for agent, _ in desk.world.agents if agent in desk.tokens)
    try:
        requester, admin = await _requester(desk, database), await _person(desk, database, Role.ADMIN)
        async with httpx.AsyncClient(transport=transport, base_url="http://bench.test", timeout=120) as client:
            yield Lane(desk, client, counting, database, postmaster, agent, requester, admin)
    finally:
        cache.set_listening(listening=False)
        await database.dispose()


async def _requester(desk: Desk, database: Database) -> UUID:
    """Somebody with as many tickets on every desk."""
    one = await _person(desk, database, Role.REQUESTER)
    async with database.session() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(_OF_ONE, {"one": one, "step": desk.tickets // _REQUESTS})
    return one


async def _person(desk: Desk, database: Database, role: Role) -> UUID:
    """Signed in."""
    made, keys = (await make_user(database, role=role)).id, await key_set(database)
    desk.tokens[made] = tokens.issue(
        key_id=keys.signing_id,
        private_key=keys.signing_pem,
        user_id=made,
        session_id=None,
        scopes=None,
        now=clock.now(),
        lifetime=timedelta(hours=1),
    )
    return UUID(str(made))


async def _screens(lane: Lane) -> list[Screen]:
    agent, requester = lane.agent, lane.requester
    team = dict(lane.desk.world.agents)[agent]
    tickets = lane.desk.world.team_tickets[team]
    views = await _make_views(lane, team)
    await _prepare_searches(lane, tickets[len(tickets) // 2])
    mine = (await lane.get(requester, "/v1/tickets?requester_id=me&limit=50"))["data"]
    form = await _form(lane)
    deep = await _cursor(lane)

    def always(path: str) -> Callable[[int], str]:
        return lambda _: path

    listing = f"/v1/tickets?sort=created_at&limit={_ROWS}"
    return [
        Screen(_FIRST, lane.admin, always(listing)),
        Screen(_DEEP, lane.admin, always(f"{listing}&cursor={deep}")),
        Screen(_LIST, agent, always(f"/v1/tickets?assignee_id=me&{_ACTIVE}&limit=25")),
        Screen(
            "agent: queue",
            agent,
            always(
                f"/v1/tickets?team_id=tea_{team.hex}&{_ACTIVE}&include=requester,assignee,last_comment,sla"
                "&counts=true&limit=25"
            ),
        ),
        Screen(
            "agent: ticket page",
            agent,
            lambda n: f"/v1/tickets/tkt_{tickets[n * 7 % len(tickets)].hex}/comments?with_ticket=true",
        ),
        Screen(f"agent: counts of {_VIEWS} views", agent, always(f"/v1/views/counts?view_ids={','.join(views)}")),
        Screen("agent: a view's tickets", agent, lambda n: f"/v1/views/{views[n % _VIEWS]}/tickets?limit=25"),
        Screen("agent: custom field", agent, lambda n: f"/v1/tickets?query=cf_room:r{n % 2}&limit={_ROWS}"),
        Screen("search: a common word", agent, lambda n: f"/v1/tickets?q={WORDS[3 + n]}&limit=25"),
        # Of as many as the smaller desk has, too, for this reader.
        Screen("search: a rare word", agent, lambda n: f"/v1/tickets?q={WORDS[3_000 + 20 * n]}&limit=10"),
        Screen("search: in one comment of all", agent, always(f"/v1/tickets?q={_NEEDLE}&limit=25")),
        Screen("search: ~ a misspelt word", agent, always(f"/v1/tickets?query=~{_NEEDLE[:-1]}&limit=25")),
        Screen("portal: catalogue of forms", requester, always("/v1/forms")),
        Screen("portal: a form's schema", requester, always(f"/v1/forms/{form}/schema")),
        Screen(
            "portal: my requests",
            requester,
            always("/v1/tickets?requester_id=me&include=expectation,last_comment&sort=-created_at&limit=25"),
        ),
        Screen(
            "portal: request page",
            requester,
            lambda n: f"/v1/tickets/{mine[n % len(mine)]['id']}/comments?with_ticket=true",
        ),
    ]


async def _make_views(lane: Lane, team: UUID) -> list[str]:
    questions = [f"is:open priority:>={one} team:tea_{team.hex}" for one in ("low", "medium", "high", "critical")]
    questions += [f"is:open tag:{tag} assignee:me" for tag in ("vpn", "mail", "printer", "laptop", "access")]
    questions += [f"is:open team:tea_{team.hex} status:{status}" for status in ("open", "in_progress", "pending")]
    questions += [f"is:open team:tea_{team.hex} channel:{one}" for one in ("portal", "email", "api", "phone")]
    questions += [f"is:open requester:usr_{one.hex}" for one in lane.desk.world.requesters[:4]]
    held = (await lane.get(lane.agent, "/v1/views"))["data"]
    if len(held) >= _VIEWS:
        return [view["id"] for view in held[:_VIEWS]]
    views = []
    for number, question in enumerate(questions[:_VIEWS]):
        body = {"name": f"View {number}", "scope": "personal", "query": question}
        views.append((await lane.post(lane.agent, "/v1/views", body))["id"])
    return views


async def _prepare_searches(lane: Lane, ticket: UUID) -> None:
    """A word in one comment of all, and a field that one ticket in a hundred has."""
    if not (await lane.get(lane.agent, f"/v1/tickets?q={_NEEDLE}&limit=1"))["data"]:
        path = f"/v1/tickets/tkt_{ticket.hex}/comments"
        await lane.post(lane.agent, path, {"body": f"Here is {_NEEDLE}.", "visibility": "internal"})
        async with lane.database.session() as session:
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            await session.execute(_ROOMS)
            await session.execute(
                text("INSERT INTO search_words VALUES (:word, 1, '{}') ON CONFLICT DO NOTHING"), {"word": _NEEDLE}
            )


async def _form(lane: Lane) -> str:
    name = "Order for a room"
    for held in (await lane.get(lane.requester, "/v1/forms"))["data"]:
        if held["name"] == name:
            return str(held["id"])
    keys = ["room", *[f"field_{n}" for n in range(9)]]
    fields = [{"key": key, "kind": "text", "label": key.capitalize()} for key in keys]
    return str((await lane.post(lane.admin, "/v1/forms", {"name": name, "fields": fields}))["id"])


async def _cursor(lane: Lane) -> str:
    """Where page 1,000 begins: the limit is no part of what a cursor is bound to, so larger steps lead there."""
    step = 185
    path, rows, cursor = "/v1/tickets?sort=created_at", _ROWS * (_PAGE - 1), ""
    while rows > 0:
        limit = min(step, rows)
        page = await lane.get(lane.admin, f"{path}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        cursor, rows = str(page["next_cursor"]), rows - limit
    return cursor


async def _cost(lane: Lane, screen: Screen, turns: int) -> Cost:
    # Each statement is made up at its first use.
    for turn in range(turns):
        await lane.get(screen.who, screen.path(turn))
    spans: list[float] = []
    ours, postgres = time.process_time(), used_by_server(lane.postmaster)
    for turn in range(turns):
        began = time.perf_counter()
        await lane.get(screen.who, screen.path(turn))
        spans.append((time.perf_counter() - began) * 1_000)
    ours, postgres = time.process_time() - ours, used_by_server(lane.postmaster) - postgres
    spans.sort()
    each = 1_000 / turns
    return Cost(
        statistics.median(spans),
        spans[min(len(spans) - 1, int(len(spans) * 0.95))],
        ours * each,
        postgres * each,
        lane.counting.statements,
    )


async def _bulk(lane: Lane) -> None:
    """By ids, as the worker does it: twenty tickets a transaction. What is closed does not change any more."""
    several = [ticket for tickets in lane.desk.world.open_tickets.values() for ticket in tickets]
    ids = [f"tkt_{ticket.hex}" for ticket in several[:_BULK]]
    body = {"ticket_ids": ids, "steps": [{"op": "update", "body": {"tags": ["bench", str(time.time_ns())]}}]}
    job = await lane.post(lane.admin, "/v1/bulk-jobs", body)
    ours, postgres, began = time.process_time(), used_by_server(lane.postmaster), time.perf_counter()
    await run_due(lane.database, {jobs.RUN: jobs.run})
    spent = time.perf_counter() - began
    ours, postgres = time.process_time() - ours, used_by_server(lane.postmaster) - postgres
    ended = await lane.get(lane.admin, f"/v1/bulk-jobs/{job['id']}")
    assert ended["progress"]["done"] == len(ids), ended
    _say(f"bulk of {len(ids):,}: {spent:.1f} s, CPU {ours:.1f} s of ours and {postgres:.1f} s of PostgreSQL's")
