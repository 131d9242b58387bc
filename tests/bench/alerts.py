"""What alerts cost: CPU and statements of each, new, repeated and ended, beside PostgreSQL's own inserts in one run.

Runs in this process on the largest desk: the intake as its route calls it, sixteen senders at once, one alert a body.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import cache
from helpdesk_api.database.session import Database
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.domains.alerts.enums import AlertAction, AlertKind, ResolveEffect
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.intake import Gate, take
from helpdesk_api.domains.alerts.integrations import create_integration
from helpdesk_api.domains.alerts.queries import Integration, by_routing_key
from helpdesk_api.domains.alerts.schemas import AlertIntegrationCreate
from helpdesk_api.installation import install_wiring
from tests.bench.contenders import Desk, settings_for
from tests.bench.cpu import used_by_server
from tests.factories.records import make_user, principal_of

_ALERTS = 400
_SENDERS = 16
_WIDTH = 5


def print_alerts(desk: Desk, postmaster: int) -> None:
    asyncio.run(_with_database(desk, postmaster))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _with_database(desk: Desk, postmaster: int) -> None:
    install_wiring(settings_for(desk.url))
    database = Database(desk.url)
    cache.set_listening(listening=True)
    try:
        inserts = await _inserts(desk.url)
        _say(f"\nPostgreSQL's own: {inserts:.0f} rows like an alert a second, one a transaction, {_SENDERS} at once")
        admin = await principal_of(database, await make_user(database, role=Role.ADMIN))
        for limit, words in ((None, "a ticket for each"), (20, "a storm")):
            body = AlertIntegrationCreate(
                name="Bench", kind=AlertKind.ALERTMANAGER, storm_limit=limit, on_resolve=ResolveEffect.RESOLVE
            )
            async with database.session() as session:
                _, key = await create_integration(session, database, admin, body)
            integration = await by_routing_key(database, key)
            assert integration is not None
            await _life(database, integration, words, inserts, postmaster)
    finally:
        cache.set_listening(listening=False)
        await database.dispose()


async def _inserts(url: str) -> float:
    """Bare rows of about an alert's size, into a table with one index."""
    pool = await asyncpg.create_pool(url.replace("postgresql+asyncpg://", "postgresql://", 1), max_size=_SENDERS)
    try:
        await pool.execute("DROP TABLE IF EXISTS bench_rows")
        await pool.execute("CREATE TABLE bench_rows (id bigserial PRIMARY KEY, key text, labels jsonb, at timestamptz)")
        labels = '{"alertname": "DiskFull", "instance": "db-1", "severity": "warning", "site": "berlin"}'

        async def insert(number: int) -> None:
            await pool.execute(
                "INSERT INTO bench_rows (key, labels, at) VALUES ($1, $2::jsonb, now())", f"key-{number}", labels
            )

        rate = await _rate(insert, _ALERTS * 5)
        await pool.execute("DROP TABLE bench_rows")
    finally:
        await pool.close()
    return rate


async def _life(database: Database, integration: Integration, words: str, inserts: float, postmaster: int) -> None:
    gate, told, statements = Gate(_WIDTH), Counter[str](), StatementCount()
    # Tasks that begin from here on count on the same one.
    statement_count.set(statements)

    def sending(action: AlertAction) -> Callable[[int], Awaitable[None]]:
        async def send(number: int) -> None:
            labels = {"alertname": "DiskFull", "instance": f"db-{number}", "severity": "warning", "site": "berlin"}
            fact = AlertFact(action, f"Disk of db-{number} is full", f"key-{number}", labels=labels)
            results: list[dict[str, Any]] = await take(gate, database, integration, [fact])
            told.update(str(one["outcome"]) for one in results)

        return send

    _say(f"alerts a second, {words}, {_SENDERS} senders, {_WIDTH} at once:")
    for name, action in (
        ("new", AlertAction.TRIGGER),
        ("repeated", AlertAction.TRIGGER),
        ("ended", AlertAction.RESOLVE),
    ):
        before = time.process_time(), used_by_server(postmaster), statements.value
        rate = await _rate(sending(action), _ALERTS)
        after = time.process_time(), used_by_server(postmaster), statements.value
        ours, theirs, sent = ((late - early) / _ALERTS for late, early in zip(after, before, strict=True))
        _say(
            f"  {name:<10}{rate:>8.0f}  {rate / inserts:>6.1%} of the inserts; each {1_000 * ours:.2f} ms CPU of ours,"
            f" {1_000 * theirs:.2f} ms of PostgreSQL's, {sent:.1f} statements"
        )
    _say(f"  {dict(told)}")


async def _rate(work: Callable[[int], Awaitable[None]], count: int) -> float:
    waiting = list(range(count))

    async def sender() -> None:
        while waiting:
            await work(waiting.pop())

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(_SENDERS):
            group.create_task(sender())
    return count / (time.perf_counter() - began)
