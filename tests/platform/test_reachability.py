"""A PostgreSQL that goes away is said to be away, and the connections that it closed are not handed out again."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from helpdesk_api.config import Settings
from helpdesk_api.database.reachability import is_unreachable
from helpdesk_api.database.session import Database
from helpdesk_api.main import create_app
from tests.factories.records import make_ticket, make_user
from tests.fixtures.clients import client_of, test_authenticator

_CLOSE_ALL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

_OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def close_all(url: str) -> None:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1))
    await connection.execute(_CLOSE_ALL)
    # It asks them to end, and answers before they have.
    while await connection.fetchval(_OTHERS):  # noqa: ASYNC110 - what it waits for is in PostgreSQL
        await asyncio.sleep(0.01)
    await connection.close()


def wrapped(error: Exception) -> DBAPIError:
    return DBAPIError("SELECT 1", None, error)


@pytest.mark.parametrize(
    ("error", "is_away"),
    [
        (ConnectionRefusedError(), True),
        (FileNotFoundError(2, "No such file or directory"), True),
        (FileNotFoundError(2, "No such file or directory", "/etc/none"), False),
        (PoolTimeout("no connection"), True),
        (asyncpg.CannotConnectNowError("starting up"), True),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle"), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.InterfaceError("another operation is in progress"), False),
        (asyncpg.UniqueViolationError("twice"), False),
        (wrapped(asyncpg.AdminShutdownError("terminating")), True),
        (wrapped(asyncpg.UniqueViolationError("twice")), False),
        (ValueError("x"), False),
    ],
)
def test_what_is_away_and_what_is_wrong(error: Exception, is_away: bool) -> None:
    assert is_unreachable(error) is is_away


async def test_after_postgresql_has_closed_them_the_next_request_has_new_connections(
    settings: Settings, own_database: Database
) -> None:
    desk = create_app(settings, database=own_database)
    desk.state.authenticator = test_authenticator
    rita = await make_user(own_database)
    ticket = await make_ticket(own_database, requester_id=rita.id)
    client = client_of(desk, f"test-{rita.id.hex}")
    path = f"/v1/tickets/{ticket.reference}"
    for _ in range(2):
        assert (await client.get(path)).status_code == 200
        assert (await client.post(f"{path}/comments", json={"body": "Still there?"})).status_code == 201
        await close_all(own_database.url)


async def test_a_database_that_is_away_is_503_with_when_to_come_back(settings: Settings, tmp_path: Any) -> None:
    away = Database(f"postgresql+asyncpg://postgres@/postgres?host={tmp_path}&port=5432")
    desk: FastAPI = create_app(settings, database=away)
    transport = httpx.ASGITransport(app=desk, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        reply = await client.post("/v1/sessions", json={"email": "rita@example.test", "password": "what she knows"})
    await away.dispose()
    assert (reply.status_code, reply.json()["code"], reply.headers["retry-after"]) == (503, "unavailable", "1")
