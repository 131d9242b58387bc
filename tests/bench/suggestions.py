"""Suggestions while somebody types, held against the lists of the same person as they come without parameters; with
words alone, and with meaning too.

Runs in this process, through the application without a socket. The calls take turns in every order, so that what else
the machine does hits all of them alike, and so do the caches that the one before has left. The articles and tickets
have random words by Zipf's law, and vectors of random meanings.
"""

import itertools
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvloop
from sqlalchemy import text

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import cache
from helpdesk_api.database.session import Database
from helpdesk_api.domains.embeddings.engine import close_embedder, use_embedder
from helpdesk_api.domains.embeddings.rules import pack, sign_code
from helpdesk_api.domains.tickets import words
from helpdesk_api.integrations.embeddings.local import SentenceEncoder, is_installed
from helpdesk_api.main import create_app
from tests.bench.contenders import Desk, settings_for, sign_in
from tests.bench.cpu import used_by_server
from tests.bench.measuring import settle
from tests.bench.seed import WORDS
from tests.factories.records import make_user

BUDGET = 3.0
_ARTICLES, _TURNS, _WARM = 300, 200, 40
_DIMENSIONS, _MEANINGS = 512, 2_000
_LISTS = {"own tickets": "/v1/tickets?requester_id=me", "articles": "/v1/articles"}
_SUGGESTIONS = "suggestions"
_ORDERS = list(itertools.permutations([*_LISTS, _SUGGESTIONS]))
# The most frequent words of a language are stop words, which no article is searched by.
_STOP_WORDS = 40
_TELLING = WORDS[_STOP_WORDS:]
_WEIGHTS = list(itertools.accumulate(1 / (rank + 3 + _STOP_WORDS) for rank in range(len(_TELLING))))
_VECTORS = "CREATE TEMPORARY TABLE drawn (n integer, code text, vector bytea, norm float8) ON COMMIT DROP"
_GIVE = text(
    "INSERT INTO embeddings (kind, subject_id, model, code, vector, norm, embedded_at)"
    " SELECT subject.kind, subject.id, :model, drawn.code::bit varying, drawn.vector, drawn.norm, now()"
    " FROM (SELECT 'ticket' AS kind, id, row_number() OVER () AS place FROM tickets"
    "  UNION ALL SELECT 'article', id, row_number() OVER () FROM articles) AS subject"
    " JOIN drawn ON drawn.n = subject.place % :meanings ON CONFLICT DO NOTHING"
)


@dataclass
class Spent:
    """Of each call its milliseconds, and of all of them the CPU of ours and of PostgreSQL's."""

    spans: list[float] = field(default_factory=list)
    ours: float = 0.0
    postgres: float = 0.0
    statements: int = 0

    @property
    def high(self) -> float:
        return sorted(self.spans)[int(len(self.spans) * 0.95)]

    def line(self, name: str) -> str:
        each = 1_000 / len(self.spans)
        return (
            f"{name:<34}{statistics.median(self.spans):>8.2f}{self.high:>8.2f}{self.ours * each:>8.2f}"
            f"{self.postgres * each:>8.2f}{self.statements:>7}"
        )


class Portal:
    """The application, and one requester who uses it."""

    def __init__(self, database: Database, app: Any, postmaster: int) -> None:
        self._app, self._postmaster = app, postmaster
        self.database = database
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self._count), base_url="http://bench.test")
        self.headers: dict[str, str] = {}
        self._statements = 0

    async def _count(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)
        self._statements = scope["state"]["statement_count"]

    async def ask(self, spent: Spent, method: str, path: str, body: Any = None) -> Any:
        postgres, ours, began = used_by_server(self._postmaster), time.process_time(), time.perf_counter()
        reply = await self.client.request(method, path, json=body, headers=self.headers)
        spent.spans.append((time.perf_counter() - began) * 1_000)
        spent.ours += time.process_time() - ours
        spent.postgres += used_by_server(self._postmaster) - postgres
        spent.statements = max(spent.statements, self._statements)
        assert reply.is_success, reply.text[:500]
        return reply.json()


def print_suggestions(desks: Sequence[Desk], postmaster: int) -> None:
    # The loop that the product is served on.
    misses = [miss for desk in desks for miss in uvloop.run(_measure(desk, postmaster))]
    _say("\nOver budget:" if misses else "\nEvery suggestion is within its budget.")
    for miss in misses:
        _say(f"- {miss}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def _portal(desk: Desk, postmaster: int) -> AsyncIterator[Portal]:
    database = Database(desk.url)
    portal = Portal(database, create_app(settings_for(desk.url), database=database), postmaster)
    cache.set_listening(listening=True)
    settle()
    try:
        yield portal
    finally:
        await close_embedder()
        use_embedder(None)
        await portal.client.aclose()
        cache.set_listening(listening=False)
        await database.dispose()


async def _measure(desk: Desk, postmaster: int) -> list[str]:
    misses = []
    async with _portal(desk, postmaster) as portal:
        await _prepare(portal)
        requester = next(one for one in desk.world.requesters if one in desk.tokens)
        portal.headers = {"Authorization": f"Bearer {desk.tokens[requester]}"}
        for name in ("words", "words and meaning"):
            if name != "words" and not await _with_meaning(portal):
                _say("without the extra `ai` there is no meaning to measure")
                continue
            _say(f"\nwhile somebody types, by {name}, at {desk.tickets:,} tickets")
            _say(f"{'call':<34}{'p50 ms':>8}{'p95 ms':>8}{'cpu ms':>8}{'pg ms':>8}{'stmts':>7}")
            spent = await _take_turns(portal)
            for call, one in spent.items():
                _say(one.line(call))
            ratios = {call: spent[_SUGGESTIONS].high / spent[call].high for call in _LISTS}
            told = ", ".join(f"{ratio:.1f} times the list of {call}" for call, ratio in ratios.items())
            _say(f"p95 of suggestions: {told}")
            if min(ratios.values()) > BUDGET:
                misses.append(f"suggestions by {name}, {desk.tickets:,} tickets: p95 {told}")
    return misses


async def _take_turns(portal: Portal) -> dict[str, Spent]:
    drawn = random.Random(11)
    found: dict[str, Spent] = {}
    for turn in range(_WARM + _TURNS):
        if turn == _WARM:
            found = {}
        typed = drawn.choices(_TELLING, cum_weights=_WEIGHTS, k=8 + turn % 30)
        body = {"subject": " ".join(typed[:6]), "description": " ".join(typed[6:])}
        for call in _ORDERS[turn % len(_ORDERS)]:
            spent = found.setdefault(call, Spent())
            if call in _LISTS:
                await portal.ask(spent, "GET", _LISTS[call])
                continue
            answer = await portal.ask(spent, "POST", "/v1/suggestions", body)
            assert answer["articles"] or answer["tickets"]
    return {call: found[call] for call in [*_LISTS, _SUGGESTIONS]}


async def _prepare(portal: Portal) -> None:
    """Published articles, and words that were counted, as on a desk that has been used for a while."""
    admin = await make_user(portal.database, role=Role.ADMIN)
    portal.headers = {"Authorization": f"Bearer {(await sign_in(portal.database, {admin.id}))[admin.id]}"}
    held = (await portal.ask(Spent(), "GET", "/v1/articles?limit=1"))["data"]
    drawn = random.Random(5)
    for _ in range(0 if held else _ARTICLES):
        some = drawn.choices(_TELLING, cum_weights=_WEIGHTS, k=150)
        body = {"title": " ".join(some[:5]), "body": " ".join(some[5:]), "language": "en", "audience": "requesters"}
        made = await portal.ask(Spent(), "POST", "/v1/articles", body)
        await portal.ask(Spent(), "POST", f"/v1/articles/{made['id']}/publish", {})
    async with portal.database.session() as session:
        # Of twenty thousand texts: each word of the seed's is among them.
        for _ in range(2):
            await words.learn(session, {})
    await _analyse(portal, "articles, article_versions, article_words, search_words")


async def _with_meaning(portal: Portal) -> bool:
    if not is_installed():
        return False
    encoder = SentenceEncoder()
    await encoder.embed(["ready"])
    drawn = random.Random(3)
    rows = []
    for n in range(_MEANINGS):
        vector = [drawn.gauss(0, 1) for _ in range(_DIMENSIONS)]
        packed, norm = pack(vector)
        rows.append({"n": n, "code": sign_code(vector), "vector": packed, "norm": norm})
    async with portal.database.session() as session:
        await session.execute(text(_VECTORS))
        await session.execute(text("INSERT INTO drawn VALUES (:n, :code, :vector, :norm)"), rows)
        await session.execute(_GIVE, {"model": encoder.name, "meanings": _MEANINGS})
    await _analyse(portal, "embeddings")
    use_embedder(encoder)
    return True


async def _analyse(portal: Portal, tables: str) -> None:
    async with portal.database.engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await alone.execute(text(f"VACUUM (ANALYZE) {tables}"))
