"""Idempotency-Key: one effect, one answer, whoever repeats it and when."""

import asyncio

import httpx
from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.main import create_app
from helpdesk_api.web.idempotency import IdempotencyKey, drop_expired_keys
from tests.factories.records import make_user
from tests.fixtures.clients import client_of, test_authenticator

NEW = {"subject": "VPN drops", "description": "It drops."}
KEY = {"Idempotency-Key": "a-key"}


async def caller(database: Database, settings: Settings, role: Role = Role.REQUESTER) -> httpx.AsyncClient:
    app = create_app(settings, database=database)
    app.state.authenticator = test_authenticator
    return client_of(app, f"test-{(await make_user(database, role=role)).id.hex}")


async def tickets(database: Database) -> int:
    async with database.session() as session:
        return await session.scalar(select(func.count()).select_from(Ticket)) or 0


async def test_sixteen_twins_at_once_make_one_ticket(own_database: Database, settings: Settings) -> None:
    client = await caller(own_database, settings)
    replies = await asyncio.gather(*[client.post("/v1/tickets", json=NEW, headers=KEY) for _ in range(16)])
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.content for reply in replies}) == 1
    assert sum(reply.headers.get("Idempotency-Replayed") == "true" for reply in replies) == 15
    assert len({reply.headers["etag"] for reply in replies}) == 1
    assert await tickets(own_database) == 1


async def test_same_key_other_payload(requester_client: httpx.AsyncClient) -> None:
    await requester_client.post("/v1/tickets", json=NEW, headers=KEY)
    other = await requester_client.post("/v1/tickets", json={**NEW, "subject": "B"}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_what_is_said_once_is_not_said_twice(requester_client: httpx.AsyncClient) -> None:
    token = requester_client.headers["authorization"]
    for name, values in (("Idempotency-Key", ("one", "other")), ("Authorization", (token, token))):
        headers = [(name, value) for value in values]
        reply = await requester_client.post("/v1/tickets", json=NEW, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (400, "repeated_parameter")
        assert [one["parameter"] for one in reply.json()["errors"]] == [name]
    ticket = (await requester_client.post("/v1/tickets", json=NEW)).headers
    for name, status in (("If-None-Match", 304), ("If-Match", 200)):
        lines = [(name, '"no"'), (name, ticket["etag"])]
        method = "GET" if status == 304 else "PATCH"
        body = None if status == 304 else {"subject": "Another"}
        reply = await requester_client.request(method, ticket["location"], json=body, headers=lines)
        assert reply.status_code == status, name


async def test_keys_belong_to_their_caller(own_database: Database, settings: Settings) -> None:
    one, two = await caller(own_database, settings), await caller(own_database, settings)
    first, second = [await client.post("/v1/tickets", json=NEW, headers=KEY) for client in (one, two)]
    assert first.json()["id"] != second.json()["id"]


async def test_a_failure_is_not_kept(requester_client: httpx.AsyncClient) -> None:
    bad = await requester_client.post("/v1/tickets", json={**NEW, "category_id": "cat_" + "0" * 32}, headers=KEY)
    assert bad.status_code == 422
    good = await requester_client.post("/v1/tickets", json=NEW, headers=KEY)
    assert good.status_code == 201
    assert "Idempotency-Replayed" not in good.headers


async def test_a_key_is_forgotten_after_a_day(database: Database, requester_client: httpx.AsyncClient) -> None:
    with clock.frozen(clock.now()) as moment:
        first = await requester_client.post("/v1/tickets", json=NEW, headers=KEY)
        moment.advance(hours=24, seconds=1)
        second = await requester_client.post("/v1/tickets", json=NEW, headers=KEY)
        assert first.json()["id"] != second.json()["id"]
        moment.advance(hours=25)
        async with database.session() as session:
            await drop_expired_keys(session, {})
            assert await session.scalar(select(func.count()).select_from(IdempotencyKey)) == 0


async def test_a_replay_passes_visibility_again(own_database: Database, settings: Settings) -> None:
    requester = await caller(own_database, settings)
    agent = await caller(own_database, settings, Role.AGENT)
    ticket = (await requester.post("/v1/tickets", json=NEW)).json()
    path = f"/v1/tickets/{ticket['id']}/start"
    assert (await agent.post(path, json={}, headers=KEY)).status_code == 200
    assert (await agent.post(path, json={}, headers=KEY)).headers["Idempotency-Replayed"] == "true"
    async with own_database.session() as session:
        row = await session.get_one(Ticket, (await session.scalars(select(Ticket.id))).one())
        from tests.factories.records import make_team

        row.team_id = (await make_team(own_database)).id
        row.assignee_id = None
    assert (await agent.post(path, json={}, headers=KEY)).status_code == 404


async def test_bad_keys(requester_client: httpx.AsyncClient) -> None:
    for key in ("", "x" * 256):
        reply = await requester_client.post("/v1/tickets", json=NEW, headers={"Idempotency-Key": key})
        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_idempotency_key")
