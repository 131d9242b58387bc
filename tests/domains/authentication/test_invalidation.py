"""Every change of a right tells the other processes, with the commit and not before: what a second process hears."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.cache import CHANNEL
from helpdesk_api.domains.authentication import actions
from helpdesk_api.domains.authentication.queries import secret_hash
from helpdesk_api.domains.users.actions import deactivate_user
from helpdesk_api.domains.users.queries import lock_user
from tests.domains.authentication.conftest import PASSWORD, Desk
from tests.factories.records import make_team


@asynccontextmanager
async def another_process(desk: Desk) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Its ear; calling it waits until that message has come."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(desk.database.url.replace("postgresql+asyncpg://", "postgresql://", 1))
    await connection.add_listener(CHANNEL, lambda *message: heard.put_nowait(str(message[-1])))

    async def hears(wanted: str, *, at_once: bool = False) -> None:
        async with asyncio.timeout(10):
            while (message := await heard.get()) != wanted:
                assert not at_once, message

    try:
        yield hears
    finally:
        await connection.close()


async def test_rights_of_a_person(desk: Desk) -> None:
    user, admin = await desk.person(role=Role.AGENT), await desk.person(role=Role.ADMIN)
    team = await make_team(desk.database)
    boss = desk.bearer((await desk.signed_in(admin))["access_token"])
    path, member = f"/v1/users/usr_{user.id.hex}", f"/v1/teams/tea_{team.id.hex}/members/usr_{user.id.hex}"
    theirs = desk.bearer((await desk.signed_in(user))["access_token"])
    async with another_process(desk) as hears:
        for call in (
            lambda: boss.put(member, json={"is_lead": True}),
            lambda: boss.put(member, json={"is_lead": False}),
            lambda: boss.delete(member),
            lambda: boss.patch(path, json={"role": "supervisor"}),
            lambda: theirs.delete("/v1/sessions/current"),
            lambda: boss.post(f"{path}/deactivate"),
            lambda: boss.post(f"{path}/reactivate"),
        ):
            reply = await call()
            assert reply.is_success, reply.text
            await hears(f"grants:{user.id.hex}")


async def test_keys(desk: Desk) -> None:
    client = desk.bearer((await desk.signed_in(await desk.person()))["access_token"])
    key = await client.post("/v1/api-keys", json={"name": "x", "scopes": ["tickets:read"]})
    digest = secret_hash(key.json()["secret"]).hex()
    async with another_process(desk) as hears:
        assert (await client.delete(key.headers["location"])).status_code == 204
        await hears(f"api_keys:{digest}")
        async with desk.database.session() as session:
            await actions.rotate_signing_key(session)
        await hears("signing_keys:*")


async def test_what_is_opened_while_a_deactivation_commits_does_not_outlive_it(desk: Desk) -> None:
    user = await desk.person(role=Role.AGENT)
    theirs = desk.bearer((await desk.signed_in(user))["access_token"])
    async with desk.database.session() as session, desk.database.reads() as reads:
        leaving = await lock_user(session, Principal.system(), user.id)
        await deactivate_user(session, Principal.system(), leaving)
        await session.flush()
        key = asyncio.create_task(theirs.post("/v1/api-keys", json={"name": "x", "scopes": ["tickets:read"]}))
        calls = (asyncio.create_task(desk.sign_in(user)), key)
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while await reads.fetch_value(waiting) < sum(not call.done() for call in calls):  # noqa: ASYNC110 - in PostgreSQL
            await asyncio.sleep(0.01)
    replies = [await call for call in calls]
    found = [(reply.status_code, reply.json().get("code")) for reply in replies]
    assert found == [(401, "invalid_credentials"), (401, "account_deactivated")]


async def test_sign_ins_of_one_person_do_not_wait_for_each_other(desk: Desk) -> None:
    user = await desk.person()
    lifetimes = actions.Lifetimes(access=timedelta(minutes=5), refresh=timedelta(days=1))
    by_hand: dict[str, Any] = {"password": PASSWORD, "lifetimes": lifetimes, "user_agent": None, "address": None}
    async with desk.database.session() as session:
        await actions.sign_in(session, desk.database, email=str(user.email), **by_hand)
        async with asyncio.timeout(10):
            assert (await desk.sign_in(user)).status_code == 201


async def test_nothing_is_said_of_what_was_rolled_back(desk: Desk) -> None:
    """Messages come in the order of commits: the first heard is of what was committed."""
    admin, other = await desk.person(role=Role.ADMIN), await desk.person()
    boss = desk.bearer((await desk.signed_in(admin))["access_token"])

    async def fail_after_the_message() -> None:
        async with desk.database.session() as session:
            await actions.end_sessions(session, admin.id)
            raise RuntimeError

    async with another_process(desk) as hears:
        with pytest.raises(RuntimeError):
            await fail_after_the_message()
        assert (await boss.patch(f"/v1/users/usr_{other.id.hex}", json={"phone": "123"})).status_code == 200
        await hears(f"grants:{other.id.hex}", at_once=True)
