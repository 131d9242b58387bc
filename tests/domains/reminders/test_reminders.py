"""Reminders: told once, at their time, to whom they are for; the ticket rests."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.reminders.actions import tell_due
from tests.domains.notifications.conftest import PostOffice, post_office, recipients, text_of
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make
from tests.fixtures.clients import AsUser

__all__ = ["post_office"]
NOW = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
LATER = "2026-10-25T01:30:00Z"
"""An hour that Berlin has twice on that Sunday; an instant has no such doubt."""


@pytest.fixture
async def ticket(requester_client: httpx.AsyncClient) -> dict[str, Any]:
    with clock.frozen(NOW):
        return await opened(requester_client)


def at(ticket: dict[str, Any]) -> str:
    return f"/v1/tickets/{ticket['id']}/reminders"


async def told(database: Database) -> None:
    async with database.session() as session:
        await tell_due(session, {})


async def test_it_is_told_once_and_the_ticket_rests(
    ticket: dict[str, Any],
    agent_client: httpx.AsyncClient,
    requester_client: httpx.AsyncClient,
    database: Database,
    post_office: PostOffice,
) -> None:
    path = f"/v1/tickets/{ticket['id']}"
    with clock.frozen(NOW) as moment:
        await post_office.round()
        before = await agent_client.get(path)
        made = await agent_client.post(at(ticket), json={"remind_at": LATER, "note": "Did they answer?"})
        assert made.status_code == 201, made.text
        one = made.headers["location"]
        moment.advance(hours=2, minutes=59)
        await told(database)
        assert (await agent_client.get(one)).json()["reminded_at"] is None
        moment.advance(minutes=1)
        await told(database)
        await told(database)
        (mail,) = await post_office.round()
        assert ticket["reference"] in text_of(mail)
        assert "Did they answer?" in text_of(mail)
        held = await agent_client.get(one)
        assert held.json()["reminded_at"] == LATER
        assert (await agent_client.get(path)).headers["etag"] == before.headers["etag"]
        kinds = [row["type"] for row in (await agent_client.get(f"{path}/history")).json()["data"]]
        assert kinds.count("ticket.reminder_due") == 1
        kinds = [row["type"] for row in (await requester_client.get(f"{path}/history")).json()["data"]]
        assert "ticket.reminder_due" not in kinds
        # Put off, it tells again.
        moved = await agent_client.patch(one, json={"remind_at": "2026-10-25T02:30:00Z"})
        assert (moved.status_code, moved.json()["reminded_at"]) == (200, None)
        assert moved.headers["etag"] != held.headers["etag"]
        moment.advance(hours=1)
        await told(database)
        assert len(await post_office.round()) == 1
        assert (await agent_client.delete(one)).status_code == 204
        assert (await agent_client.get(one)).status_code == 404


async def test_for_whom_and_by_whom(
    ticket: dict[str, Any],
    agent_client: httpx.AsyncClient,
    requester_client: httpx.AsyncClient,
    a_user: Make,
    as_user: AsUser,
    post_office: PostOffice,
    database: Database,
) -> None:
    colleague = await a_user(role=Role.AGENT, email="ben@example.test")
    body = {"remind_at": LATER, "user_id": public_id("usr", colleague.id)}
    with clock.frozen(NOW) as moment:
        await post_office.round()
        made = await agent_client.post(at(ticket), json=body)
        assert made.status_code == 201, made.text
        mine = (await as_user(colleague).get("/v1/reminders", params={"is_due": "false"})).json()["data"]
        assert [one["id"] for one in mine] == [made.json()["id"]]
        assert (await agent_client.get("/v1/reminders")).json()["data"] == []
        third = as_user(await a_user(role=Role.AGENT))
        assert (await third.get(made.headers["location"])).status_code == 404
        assert [one["id"] for one in (await third.get(at(ticket))).json()["data"]] == [made.json()["id"]]
        assert (await requester_client.get(at(ticket))).json()["code"] == "action_forbidden"
        assert (await requester_client.post(at(ticket), json={"remind_at": LATER})).json()["code"] == "action_forbidden"
        outsider = {**body, "user_id": public_id("usr", (await a_user()).id)}
        refused = await agent_client.post(at(ticket), json=outsider)
        assert (refused.json()["code"], refused.json()["errors"][0]["pointer"]) == ("unknown_reference", "#/user_id")
        past = await agent_client.post(at(ticket), json={"remind_at": "2026-10-24T22:30:00Z"})
        assert (past.status_code, past.json()["code"]) == (422, "remind_in_past")
        moment.advance(hours=4)
        await told(database)
        assert recipients(await post_office.round()) == ["ben"]


async def test_it_follows_a_merged_ticket(
    ticket: dict[str, Any], agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    with clock.frozen(NOW):
        into = await opened(requester_client)
        made = await agent_client.post(at(ticket), json={"remind_at": LATER})
        merged = await agent_client.post(f"/v1/tickets/{ticket['id']}/merge", json={"into": into["id"]})
        assert merged.status_code == 200, merged.text
        assert [one["id"] for one in (await agent_client.get(at(into))).json()["data"]] == [made.json()["id"]]


async def test_pages_hold_all_of_them(ticket: dict[str, Any], agent_client: httpx.AsyncClient) -> None:
    with clock.frozen(NOW):
        for minute in range(5):
            made = await agent_client.post(at(ticket), json={"remind_at": f"2026-10-25T01:0{minute}:00Z"})
            assert made.status_code == 201
        found: list[str] = []
        cursor = None
        while True:
            page = (
                await agent_client.get("/v1/reminders", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
            ).json()
            found += [one["remind_at"] for one in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    assert found == sorted(found)
    assert len(found) == 5
