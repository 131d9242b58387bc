"""What is served during the benchmark: the product as it is, and the bare endpoints that it is compared with."""

import json
import os
import pickle
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import FastAPI, Request
from starlette.responses import Response

from helpdesk_api.domains.assignments.schemas import AssignmentCreate
from helpdesk_api.domains.comments.schemas import CommentCreate
from helpdesk_api.domains.tickets.schemas import TicketCreate, TicketUpdate
from helpdesk_api.main import create_app
from tests.bench.measuring import settle
from tests.bench.recording import PLACEHOLDER, Recording, Sent

RECORDINGS = "BENCH_RECORDINGS"
POOL_RESET = "BENCH_POOL_RESET"
POOL_SIZE = 10
_BODIES: Mapping[str, Any] = {
    "create": TicketCreate,
    "comment": CommentCreate,
    "update": TicketUpdate,
    "assign": AssignmentCreate,
}


async def _no_reset(connection: Any) -> None:
    del connection


@asynccontextmanager
async def _pool(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ["HELPDESK_DATABASE_URL"].replace("postgresql+asyncpg://", "postgresql://", 1)
    reset = {} if os.environ.get(POOL_RESET) == "1" else {"reset": _no_reset}
    async with asyncpg.create_pool(
        url,
        min_size=POOL_SIZE,
        max_size=POOL_SIZE,
        statement_cache_size=500,
        max_inactive_connection_lifetime=0,
        server_settings={"jit": "off", "max_parallel_workers_per_gather": "0"},
        **reset,
    ) as pool:
        app.state.pool = pool
        yield


def _dump(rows: list[Any]) -> str:
    """One dump to text: what PostgreSQL built as JSON already is."""
    if rows and "body" in rows[0]:
        return "[" + ",".join(row["body"] for row in rows) + "]"
    return json.dumps([list(row.values()) for row in rows], default=str)


class _Fresh:
    """The recorded arguments for one more call: what was made for the recorded one is made anew."""

    def __init__(self, made: frozenset[UUID]) -> None:
        self._made = made
        self._ids: dict[UUID, UUID] = {}
        self._word = uuid.uuid4().hex[: len(PLACEHOLDER)]

    def arguments(self, values: list[Any]) -> list[Any]:
        return [self._one(value) for value in values]

    def _one(self, value: Any) -> Any:
        if isinstance(value, UUID) and value in self._made:
            found = self._ids.get(value)
            if found is None:
                found = self._ids[value] = uuid.uuid4()
            return found
        if isinstance(value, str):
            return value.replace(PLACEHOLDER, self._word)
        return value


async def _send(connection: Any, sent: Sent, fresh: _Fresh) -> list[Any]:
    if sent.many:
        await connection.executemany(sent.sql, [fresh.arguments(row) for row in sent.arguments])
        return []
    rows: list[Any] = await connection.fetch(sent.sql, *fresh.arguments(sent.arguments))
    return rows


def product() -> FastAPI:
    app = create_app()
    settle()
    return app


def baseline() -> FastAPI:
    """`/empty`, and for every operation the same statements on asyncpg's own pool."""
    app = FastAPI(lifespan=_pool, openapi_url=None)
    recordings: dict[str, list[Recording]] = pickle.loads(Path(os.environ[RECORDINGS]).read_bytes())

    @app.get("/empty")
    async def empty() -> dict[str, str]:
        return {}

    def add_read(name: str, variants: list[Recording]) -> None:
        @app.get(f"/{name}/{{variant}}")
        async def read(variant: int, request: Request) -> Response:
            async with request.app.state.pool.acquire() as connection:
                parts = [
                    _dump(await connection.fetch(sent.sql, *sent.arguments)) for sent in variants[variant].statements
                ]
            return Response("[" + ",".join(parts) + "]", media_type="application/json")

    def add_write(name: str, model: Any, variants: list[Recording]) -> None:
        @app.post(f"/{name}/{{variant}}")
        async def write(variant: int, body: model, request: Request) -> Response:
            recording = variants[variant]
            fresh = _Fresh(recording.made)
            answer = body.model_dump_json(exclude_unset=True)
            async with request.app.state.pool.acquire() as connection, connection.transaction():
                for sent in recording.statements:
                    rows = await _send(connection, sent, fresh)
                    if rows and "body" in rows[0]:
                        answer = rows[0]["body"]
            return Response(answer, media_type="application/json")

    for name, variants in recordings.items():
        if name in _BODIES:
            add_write(name, _BODIES[name], variants)
        else:
            add_read(name, variants)
    settle()
    return app
