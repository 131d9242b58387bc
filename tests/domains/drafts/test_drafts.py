"""Drafts: kept, shared, written by two, and sent once."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.attachments import storing
from helpdesk_api.domains.attachments.jobs import drop_unreferenced
from helpdesk_api.integrations.storage.memory import MemoryStorage
from tests.domains.assignments.desk import tea
from tests.domains.attachments.files import uploaded
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make
from tests.fixtures.clients import AsUser


@pytest.fixture
async def ticket(requester_client: httpx.AsyncClient) -> dict[str, Any]:
    return await opened(requester_client)


@pytest.fixture
async def ben(a_user: Make, as_user: AsUser) -> httpx.AsyncClient:
    return as_user(await a_user(name="Ben", role=Role.AGENT))


def at(ticket: dict[str, Any], draft: dict[str, Any] | None = None) -> str:
    path = f"/v1/tickets/{ticket['id']}/drafts"
    return f"{path}/{draft['id']}" if draft is not None else path


async def written(client: httpx.AsyncClient, ticket: dict[str, Any], **body: Any) -> dict[str, Any]:
    reply = await client.post(at(ticket), json={"body": "Could you try", **body})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    assert reply.headers["location"] == at(ticket, made)
    return made


async def test_ones_own_is_nobody_elses(
    ticket: dict[str, Any], agent_client: httpx.AsyncClient, ben: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    etag = (await agent_client.get(f"/v1/tickets/{ticket['id']}")).headers["etag"]
    draft = await written(agent_client, ticket)
    assert (await ben.get(at(ticket))).json()["data"] == []
    for call in (ben.get, ben.delete):
        assert (await call(at(ticket, draft))).json()["code"] == "draft_not_found"
    assert (await ben.post(f"{at(ticket, draft)}/send")).json()["code"] == "draft_not_found"
    assert (await requester_client.get(at(ticket))).json()["code"] == "action_forbidden"
    held = await agent_client.get(at(ticket, draft))
    assert held.json() == draft
    kept = {"If-None-Match": held.headers["etag"]}
    assert (await agent_client.get(at(ticket, draft), headers=kept)).status_code == 304
    assert (await agent_client.get(f"/v1/tickets/{ticket['id']}")).headers["etag"] == etag


async def test_two_write_one_and_neither_loses_a_word(
    ticket: dict[str, Any], agent_client: httpx.AsyncClient, ben: httpx.AsyncClient
) -> None:
    draft = await written(agent_client, ticket, is_shared=True)
    etag = (await ben.get(at(ticket, draft))).headers["etag"]
    first = await ben.patch(at(ticket, draft), json={"body": "Could you try again"}, headers={"If-Match": etag})
    assert (first.status_code, first.json()["edited_by_id"]) == (200, (await ben.get("/v1/me")).json()["id"])
    second = await agent_client.patch(at(ticket, draft), json={"body": "Lost?"}, headers={"If-Match": etag})
    assert (second.status_code, second.json()["code"]) == (412, "precondition_failed")
    taken = await ben.patch(at(ticket, draft), json={"is_shared": False})
    assert (taken.status_code, taken.json()["code"]) == (403, "draft_forbidden")
    assert (await ben.delete(at(ticket, draft))).json()["code"] == "draft_forbidden"
    assert (await agent_client.get(at(ticket, draft))).json()["body"] == "Could you try again"
    assert (await agent_client.delete(at(ticket, draft))).status_code == 204


async def test_who_no_longer_works_on_the_ticket_sends_nothing_of_it(
    ticket: dict[str, Any],
    agent_client: httpx.AsyncClient,
    ben: httpx.AsyncClient,
    admin_client: httpx.AsyncClient,
    requester_client: httpx.AsyncClient,
    a_team: Make,
) -> None:
    draft = await written(agent_client, ticket, is_shared=True)
    ben_id = (await ben.get("/v1/me")).json()["id"]
    await admin_client.put(f"/v1/tickets/{ticket['id']}/participants/{ben_id}")
    team_id = f"tea_{(await a_team()).id.hex}"
    await admin_client.post(f"/v1/tickets/{ticket['id']}/assignments", json={"team_id": team_id})
    for client in (ben, requester_client):
        sent = await client.post(f"{at(ticket, draft)}/send")
        assert (sent.status_code, sent.json()["code"]) == (403, "action_forbidden")
    assert (await requester_client.get(f"/v1/tickets/{ticket['id']}/comments")).json()["data"] == []


async def test_two_who_send_it_at_once_send_one(
    ticket: dict[str, Any], agent_client: httpx.AsyncClient, ben: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    draft = await written(agent_client, ticket, is_shared=True, body="Please **restart** it.")
    replies = await asyncio.gather(*(one.post(f"{at(ticket, draft)}/send") for one in (agent_client, ben)))
    assert sorted(reply.status_code for reply in replies) == [201, 404]
    said = (await requester_client.get(f"/v1/tickets/{ticket['id']}/comments")).json()["data"]
    assert [one["body"] for one in said] == ["Please **restart** it."]
    assert (await agent_client.get(at(ticket))).json()["data"] == []


async def test_sending_again_under_one_key_sends_nothing_more(
    ticket: dict[str, Any], agent_client: httpx.AsyncClient
) -> None:
    draft = await written(agent_client, ticket, visibility="internal")
    replies = [
        await agent_client.post(f"{at(ticket, draft)}/send", headers={"Idempotency-Key": "send-1"}) for _ in range(2)
    ]
    assert [reply.status_code for reply in replies] == [201, 201]
    assert replies[0].json()["id"] == replies[1].json()["id"]
    assert len((await agent_client.get(f"/v1/tickets/{ticket['id']}/comments")).json()["data"]) == 1


async def test_it_follows_a_merged_ticket(
    ticket: dict[str, Any], agent_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    into = await opened(requester_client)
    draft = await written(agent_client, ticket)
    merged = await agent_client.post(f"/v1/tickets/{ticket['id']}/merge", json={"into": into["id"]})
    assert merged.status_code == 200, merged.text
    assert [one["id"] for one in (await agent_client.get(at(into))).json()["data"]] == [draft["id"]]


@pytest.mark.parametrize("asks", [False, True], ids=["does not see it", "is its requester"])
async def test_of_who_does_not_work_where_it_goes_on_it_stays(
    ticket: dict[str, Any], admin_client: httpx.AsyncClient, a_user: Make, a_team: Make, as_user: AsUser, asks: bool
) -> None:
    team, other = await a_team(auto_assign=False), await a_team(auto_assign=False)
    author = as_user(await a_user(role=Role.AGENT, teams=[team]))
    into = await opened(author if asks else admin_client)
    for one, its_team in ((ticket, team), (into, other)):
        await admin_client.post(f"/v1/tickets/{one['id']}/assignments", json={"team_id": tea(its_team)})
    own, shared = await written(author, ticket), await written(author, ticket, is_shared=True)
    reminder = {"remind_at": (clock.now() + timedelta(days=1)).isoformat()}
    mine = (await author.post(f"/v1/tickets/{ticket['id']}/reminders", json=reminder)).json()
    merged = await admin_client.post(f"/v1/tickets/{ticket['id']}/merge", json={"into": into["id"]})
    assert merged.status_code == 200, merged.text
    assert [one["id"] for one in (await author.get(at(ticket))).json()["data"]] == [own["id"]]
    assert [one["id"] for one in (await admin_client.get(at(into))).json()["data"]] == [shared["id"]]
    assert [one["id"] for one in (await author.get("/v1/reminders")).json()["data"]] == [mine["id"]]
    assert (await author.post(f"{at(ticket, own)}/send")).json()["code"] == "ticket_merged"
    assert (await author.delete(at(ticket, own))).status_code == 204


async def test_what_stayed_goes_on_when_the_next_merge_leads_to_where_they_work(
    ticket: dict[str, Any], admin_client: httpx.AsyncClient, a_user: Make, a_team: Make, as_user: AsUser
) -> None:
    team, other = await a_team(auto_assign=False), await a_team(auto_assign=False)
    author = as_user(await a_user(role=Role.AGENT, teams=[team]))
    middle, last = await opened(admin_client), await opened(admin_client)
    for one, its_team in ((ticket, team), (middle, other), (last, team)):
        await admin_client.post(f"/v1/tickets/{one['id']}/assignments", json={"team_id": tea(its_team)})
    draft = await written(author, ticket)
    reminder = {"remind_at": (clock.now() + timedelta(days=1)).isoformat()}
    mine = (await author.post(f"/v1/tickets/{ticket['id']}/reminders", json=reminder)).json()
    for one, into in ((ticket, middle), (middle, last)):
        merged = await admin_client.post(f"/v1/tickets/{one['id']}/merge", json={"into": into["id"]})
        assert merged.status_code == 200, merged.text
    # Its old name leads past the middle one, where nobody looks for it any more.
    for one in (ticket, last):
        assert [held["id"] for held in (await author.get(at(one))).json()["data"]] == [draft["id"]]
    reminded = (await author.get(f"/v1/tickets/{last['id']}/reminders")).json()["data"]
    assert [one["id"] for one in reminded] == [mine["id"]]
    assert (await author.post(f"{at(last, draft)}/send")).status_code == 201


async def test_a_mention_of_who_cannot_read_it_keeps_the_draft(
    ticket: dict[str, Any], agent_client: httpx.AsyncClient, a_user: Make
) -> None:
    nobody = public_id("usr", (await a_user()).id)
    draft = await written(agent_client, ticket, mention_ids=[nobody])
    refused = await agent_client.post(f"{at(ticket, draft)}/send")
    assert (refused.status_code, refused.json()["code"]) == (422, "mention_cannot_read")
    assert (await agent_client.get(at(ticket, draft))).status_code == 200


async def test_there_is_an_end_of_drafts(ticket: dict[str, Any], agent_client: httpx.AsyncClient) -> None:
    for _ in range(50):
        await written(agent_client, ticket)
    refused = await agent_client.post(at(ticket), json={"body": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_drafts")


class TestFiles:
    @pytest.fixture(autouse=True)
    def _store(self, app: FastAPI) -> None:
        storing.use_storage(MemoryStorage(), None)

    async def test_they_are_shared_with_it_and_sent_by_whoever_sends_it(
        self,
        ticket: dict[str, Any],
        agent_client: httpx.AsyncClient,
        ben: httpx.AsyncClient,
        requester_client: httpx.AsyncClient,
        database: Database,
    ) -> None:
        file = await uploaded(agent_client)
        name = f"/v1/attachments/{file['id']}"
        draft = await written(agent_client, ticket, attachment_ids=[file["id"]], body=f"![x](attachment:{file['id']})")
        assert [one["id"] for one in draft["attachments"]] == [file["id"]]
        assert (await ben.get(name)).json()["code"] == "attachment_not_found"
        etag = (await agent_client.get(at(ticket, draft))).headers["etag"]
        shared = await agent_client.patch(at(ticket, draft), json={"is_shared": True}, headers={"If-Match": etag})
        assert shared.status_code == 200, shared.text
        assert (await ben.get(f"{name}/download")).status_code == 302
        assert (await requester_client.get(name)).json()["code"] == "attachment_not_found"
        assert (await ben.delete(name)).json()["code"] == "not_the_uploader"
        # Ben's own goes with it, and what a draft holds is for no comment of its uploader's.
        other = await uploaded(ben, b"more", "more.txt")
        both = await ben.patch(at(ticket, draft), json={"attachment_ids": [file["id"], other["id"]]})
        assert [one["id"] for one in both.json()["attachments"]] == [file["id"], other["id"]]
        said = await agent_client.post(
            f"/v1/tickets/{ticket['id']}/comments", json={"body": "x", "attachment_ids": [file["id"]]}
        )
        assert (said.status_code, said.json()["code"]) == (422, "attachment_not_usable")
        with clock.frozen(clock.now() + timedelta(days=3)):
            async with database.session() as session:
                await drop_unreferenced(session, {})
        sent = await ben.post(f"{at(ticket, draft)}/send")
        assert sent.status_code == 201, sent.text
        assert [one["id"] for one in sent.json()["attachments"]] == [file["id"], other["id"]]
        assert f"{name}/download" in sent.json()["body_html"]
        assert (await requester_client.get(f"{name}/download")).status_code == 302

    async def test_what_it_holds_no_longer_is_the_uploaders_again(
        self, ticket: dict[str, Any], agent_client: httpx.AsyncClient, ben: httpx.AsyncClient
    ) -> None:
        file = await uploaded(agent_client)
        draft = await written(agent_client, ticket, attachment_ids=[file["id"]], is_shared=True)
        taken = await ben.patch(at(ticket, draft), json={"attachment_ids": []})
        assert (taken.json()["attachments"], taken.json()["body"]) == ([], draft["body"])
        assert (await ben.get(f"/v1/attachments/{file['id']}")).status_code == 404
        refused = await ben.patch(at(ticket, draft), json={"attachment_ids": [file["id"]]})
        assert (refused.json()["code"], refused.json()["errors"][0]["pointer"]) == (
            "attachment_not_usable",
            "#/attachment_ids/0",
        )
        assert (await agent_client.patch(at(ticket, draft), json={"attachment_ids": [file["id"]]})).status_code == 200
        assert (await agent_client.delete(at(ticket, draft))).status_code == 204
        other = await written(agent_client, ticket, attachment_ids=[file["id"]])
        assert [one["id"] for one in other["attachments"]] == [file["id"]]

    async def test_they_follow_a_merge(
        self,
        ticket: dict[str, Any],
        agent_client: httpx.AsyncClient,
        ben: httpx.AsyncClient,
        requester_client: httpx.AsyncClient,
    ) -> None:
        into = await opened(requester_client)
        file = await uploaded(agent_client)
        draft = await written(agent_client, ticket, attachment_ids=[file["id"]], is_shared=True)
        await agent_client.post(f"/v1/tickets/{ticket['id']}/merge", json={"into": into["id"]})
        held = (await ben.get(at(into, draft))).json()
        assert [one["id"] for one in held["attachments"]] == [file["id"]]
        assert (await ben.post(f"{at(into, draft)}/send")).status_code == 201
