"""Presence: who is there now, and nobody who has gone."""

import asyncio
from typing import Any

import httpx
from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.presence.actions import forget_expired
from helpdesk_api.domains.presence.models import TicketPresence
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make
from tests.fixtures.clients import AsUser


def at(ticket: dict[str, Any]) -> str:
    return f"/v1/tickets/{ticket['id']}/presence"


def names(reply: httpx.Response) -> list[tuple[str, str]]:
    assert reply.status_code == 200, reply.text
    return [(one["user"]["name"], one["state"]) for one in reply.json()["data"]]


async def test_each_sees_the_other_until_they_leave(
    requester_client: httpx.AsyncClient, a_user: Make, as_user: AsUser, database: Database
) -> None:
    ticket = await opened(requester_client)
    anna, ben = as_user(await a_user(name="Anna", role=Role.AGENT)), as_user(await a_user(name="Ben", role=Role.AGENT))
    with clock.frozen(clock.now()) as moment:
        assert names(await anna.put(at(ticket), json={"state": "viewing"})) == [("Anna", "viewing")]
        moment.advance(seconds=30)
        assert names(await ben.put(at(ticket), json={"state": "replying"})) == [
            ("Anna", "viewing"),
            ("Ben", "replying"),
        ]
        assert names(await anna.put(at(ticket), json={"state": "replying"})) == [
            ("Anna", "replying"),
            ("Ben", "replying"),
        ]
        moment.advance(seconds=60)
        assert names(await ben.get(at(ticket))) == []
        assert names(await anna.put(at(ticket), json={"state": "viewing"})) == [("Anna", "viewing")]
        assert (await anna.get(at(ticket))).json()["data"][0]["since"].startswith(moment.at.isoformat()[:19])
        assert (await anna.delete(at(ticket))).status_code == 204
        assert (await anna.delete(at(ticket))).status_code == 204
        assert names(await ben.get(at(ticket))) == []
        await ben.put(at(ticket), json={"state": "viewing"})
        moment.advance(seconds=61)
        async with database.session() as session:
            await forget_expired(session, {})
    async with database.session() as session:
        assert await session.scalar(select(func.count()).select_from(TicketPresence)) == 0


async def test_it_changes_nothing_of_the_ticket_and_requesters_see_none_of_it(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
) -> None:
    ticket = await opened(requester_client)
    etag = (await agent_client.get(f"/v1/tickets/{ticket['id']}")).headers["etag"]
    await asyncio.gather(*(agent_client.put(at(ticket), json={"state": "viewing"}) for _ in range(8)))
    assert (await agent_client.get(f"/v1/tickets/{ticket['id']}")).headers["etag"] == etag
    for call in (requester_client.get(at(ticket)), requester_client.put(at(ticket), json={"state": "viewing"})):
        refused = await call
        assert (refused.status_code, refused.json()["code"]) == (403, "action_forbidden")
    stranger = as_user(await a_user())
    for call in (
        stranger.get(at(ticket)),
        stranger.put(at(ticket), json={"state": "viewing"}),
        stranger.delete(at(ticket)),
    ):
        assert (await call).status_code == 404
    wrong = await agent_client.put(at(ticket), json={"state": "asleep"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#/state")
