"""The statements that the product sends for one call, as text and arguments: what the bare endpoint then sends too."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import event

from helpdesk_api.database.session import Database
from tests.bench.load import UNIQUE
from tests.bench.operations import Call

# Stands for what differs from call to call, as long as what the load generator puts there.
PLACEHOLDER = "recorded0x"
_TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SET ", "SELECT PG_CATALOG", "SHOW ")


@dataclass(frozen=True)
class Sent:
    """One statement of the product; `many` when its arguments are a list of rows."""

    sql: str
    arguments: list[Any]
    many: bool


@dataclass(frozen=True)
class Recording:
    """One call: its statements, the ids that were made for it alone, and what was answered."""

    statements: list[Sent]
    made: frozenset[UUID]
    body: bytes


class Recorder:
    """Listens at both doors: what SQLAlchemy executes, and what goes to asyncpg directly."""

    def __init__(self, database: Database) -> None:
        self._sent: list[Sent] = []
        for engine in (database.engine, database._read_engine):
            event.listen(engine.sync_engine, "connect", self._on_connect)
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._on_execute)

    def _on_connect(self, connection: Any, record: Any) -> None:
        connection.driver_connection.add_query_logger(self._on_query)

    def _on_query(self, query: Any) -> None:
        if not query.query.lstrip().upper().startswith(_TRANSACTION):
            # `executemany` logs the list of rows that it was given, the others a tuple of arguments.
            many = isinstance(query.args, list)
            arguments = [list(row) for row in query.args] if many else list(query.args)
            self._sent.append(Sent(query.query, arguments, many=many))

    def _on_execute(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        arguments = [list(row) for row in parameters] if executemany else list(parameters)
        self._sent.append(Sent(statement, arguments, executemany))

    def take(self) -> list[Sent]:
        taken, self._sent = self._sent, []
        return taken


@asynccontextmanager
async def _client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://bench.test") as client:
        yield client


async def record(
    app: FastAPI, recorder: Recorder, calls: list[Call], tokens: dict[UUID, str], known: frozenset[UUID]
) -> list[Recording]:
    """Each call is made twice, so that the second finds the process's caches warm; only the second is kept."""
    async with _client(app) as client:
        for call in calls:
            await _make(client, call, tokens[call.user], secrets.token_hex(8))
        recordings = []
        for call in calls:
            recorder.take()
            answer = await _make(client, call, tokens[call.user], PLACEHOLDER + secrets.token_hex(4))
            statements = recorder.take()
            made = _made(statements, known) if call.body is not None else frozenset[UUID]()
            recordings.append(Recording(statements, made, answer))
    return recordings


async def _make(client: httpx.AsyncClient, call: Call, token: str, unique: str) -> bytes:
    headers = {**call.headers, "Authorization": f"Bearer {token}"}
    headers = {name: value.replace(UNIQUE.decode(), unique) for name, value in headers.items()}
    body = json.dumps(call.body).replace(UNIQUE.decode(), unique) if call.body is not None else None
    if body is not None:
        headers["Content-Type"] = "application/json"
    response = await client.request(call.method, call.path, headers=headers, content=body)
    if not response.is_success:
        message = f"{call.method} {call.path}: {response.status_code} {response.text[:500]}"
        raise RuntimeError(message)
    return response.content


def _made(statements: list[Sent], known: frozenset[UUID]) -> frozenset[UUID]:
    """Ids among the arguments that no seed had: the next call must have its own."""
    rows = [row for sent in statements for row in (sent.arguments if sent.many else [sent.arguments])]
    found = {value for row in rows for value in row if isinstance(value, UUID)}
    return frozenset(found - known)
