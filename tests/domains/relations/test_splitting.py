"""Splitting: a comment becomes a ticket, and nobody reads in it what they could not read before."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.attachments import storing
from helpdesk_api.domains.notifications import delivery
from helpdesk_api.domains.relations.rules import first_words
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.integrations.mail.fake import FakeMail
from helpdesk_api.integrations.storage.memory import MemoryStorage
from helpdesk_api.worker import drain
from tests.domains.attachments.files import picture, uploaded
from tests.domains.relations.test_merging import at, details, history, said, tkt
from tests.factories.records import Make
from tests.fixtures.clients import AsUser


@pytest.fixture
def store(app: FastAPI) -> MemoryStorage:
    store = MemoryStorage()
    storing.use_storage(store, None)
    delivery.use_transport(FakeMail())
    return store


async def split(client: httpx.AsyncClient, ticket: Any, comment: str, **body: Any) -> httpx.Response:
    return await client.post(f"{at(ticket)}/comments/{comment}/split", json=body)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Short", "Short"),
        ("\n\n## **The screen** flickers\nand more", "The screen flickers"),
        ("word " * 30, ("word " * 15).strip() + "…"),
        ("x" * 100, "x" * 79 + "…"),
        ("---\n***", "Split comment"),
        ("see ![p](attachment:att_0190a6f3e1d87c3aa1b2c3d4e5f60718) there", "see there"),
        (
            "![p](attachment:att_0190a6f3e1d87c3aa1b2c3d4e5f60718)\nIt is [our **mouse**](https://example.org).",
            "It is our mouse.",
        ),
        ("![" * 40, ("![" * 40)[:80]),
    ],
)
def test_first_words(text: str, words: str) -> None:
    assert first_words(text) == words
    assert len(words) <= 80


class TestSplit:
    async def test_it_takes_the_comment_and_leaves_it(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        requester, colleague = await a_user(), await a_user()
        ticket = await a_ticket(by=requester, type="service_request", impact="high", urgency="high")
        await agent_client.put(f"{at(ticket)}/participants/{public_id('usr', colleague.id)}")
        comment = await said(as_user(colleague), ticket, "My **mouse** is broken too.\nIt squeaks.")
        reply = await split(agent_client, ticket, comment)
        opened = reply.json()
        assert (reply.status_code, reply.headers["location"]) == (201, f"/v1/tickets/{opened['id']}")
        assert opened["subject"] == "My mouse is broken too."
        assert opened["description"] == "My **mouse** is broken too.\nIt squeaks."
        assert (opened["type"], opened["priority"], opened["status"]) == ("service_request", "critical", "open")
        assert (opened["requester_id"], opened["category_id"]) == (public_id("usr", colleague.id), None)
        assert (await agent_client.get(f"{at(ticket)}/comments/{comment}")).status_code == 200
        for path, other in ((at(ticket), opened["id"]), (opened["url"], tkt(ticket))):
            (link,) = (await agent_client.get(f"{path}/links")).json()["data"]
            assert (link["kind"], link["ticket"]["id"]) == ("relates_to", other)
            rows = (await agent_client.get(f"{path}/history?limit=100")).json()["data"]
            (told,) = [row for row in rows if row["type"] == "ticket.split"]
            assert (details(told)["comment_id"], details(told)["other_id"]) == (comment, other)
        assert (await as_user(colleague).get(opened["url"])).status_code == 200
        assert (await as_user(requester).get(opened["url"])).status_code == 404
        assert "ticket.split" not in {row["type"] for row in await history(as_user(requester), ticket)}

    async def test_its_pictures_go_along_and_stay(
        self,
        requester_client: httpx.AsyncClient,
        agent_client: httpx.AsyncClient,
        admin_client: httpx.AsyncClient,
        store: MemoryStorage,
        database: Database,
    ) -> None:
        ticket = (await requester_client.post("/v1/tickets", json={"subject": "A", "description": "B"})).json()
        file = await uploaded(requester_client, picture(), "mouse.png")
        said_there = {"body": f"![It](attachment:{file['id']}) squeaks", "attachment_ids": [file["id"]]}
        comment = (await requester_client.post(f"{ticket['url']}/comments", json=said_there)).json()
        split_up = await agent_client.post(f"{ticket['url']}/comments/{comment['id']}/split", json={})
        opened = split_up.json()
        (copy,) = (await requester_client.get(f"{opened['url']}/attachments")).json()["data"]
        assert (copy["id"] != file["id"], copy["name"], copy["uploader"]) == (True, "mouse.png", file["uploader"])
        assert opened["description"] == f"![It](attachment:{copy['id']}) squeaks"
        assert f'<img src="/v1/attachments/{copy["id"]}/download" alt="It">' in opened["description_html"]
        assert (await admin_client.delete(f"/v1/attachments/{file['id']}")).status_code == 204
        await drain(database)
        link = (await requester_client.get(f"/v1/attachments/{copy['id']}/download")).headers["location"]
        assert (await requester_client.get(link)).content == picture()
        assert len(store.objects) == 2  # and its small picture

    async def test_files_of_an_internal_note_stay_internal(
        self, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, store: MemoryStorage
    ) -> None:
        ticket = (await requester_client.post("/v1/tickets", json={"subject": "A", "description": "B"})).json()
        file = await uploaded(agent_client)
        note = {"body": "See the log", "visibility": "internal", "attachment_ids": [file["id"]]}
        comment = (await agent_client.post(f"{ticket['url']}/comments", json=note)).json()
        way = f"{ticket['url']}/comments/{comment['id']}/split"
        opened = (await agent_client.post(way, json={"description": "The disk is worn out."})).json()
        assert len((await agent_client.get(f"{opened['url']}/attachments")).json()["data"]) == 1
        assert (await requester_client.get(f"{opened['url']}/attachments")).json()["data"] == []
        store.failure = "down"
        refused = await agent_client.post(way, json={"description": "Once more."})
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
        store.failure = None
        assert len((await agent_client.get("/v1/tickets")).json()["data"]) == 2

    async def test_words_of_the_staff_are_the_requesters_matter(
        self, a_user: Make, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        requester = await a_user()
        ticket = await a_ticket(by=requester)
        comment = await said(agent_client, ticket, "You also need a licence.")
        opened = (await split(agent_client, ticket, comment, subject="A licence", description="Please order.")).json()
        assert (opened["requester_id"], opened["subject"]) == (public_id("usr", requester.id), "A licence")
        assert opened["description"] == "Please order."

    async def test_it_stays_with_the_team(
        self, a_user: Make, a_team: Make, as_user: AsUser, a_ticket: Make, agent_client: httpx.AsyncClient
    ) -> None:
        team = await a_team(auto_assign=False)
        member = as_user(await a_user(role=Role.AGENT, teams=[team]))
        ticket = await a_ticket(by=await a_user(role=Role.ADMIN), team_id=team.id)
        opened = (await split(member, ticket, await said(member, ticket, "Salaries"))).json()
        assert opened["team_id"] == public_id("tea", team.id)
        assert (await agent_client.get(opened["url"])).status_code == 404

    async def test_an_internal_comment_is_not_shown_to_a_requester(
        self, a_user: Make, agent_client: httpx.AsyncClient, a_ticket: Make, database: Database
    ) -> None:
        ticket = await a_ticket(by=await a_user())
        comment = await said(agent_client, ticket, "They are careless.", "internal")
        reply = await split(agent_client, ticket, comment)
        assert (reply.status_code, reply.json()["code"]) == (422, "comment_is_internal")
        assert reply.json()["errors"][0]["pointer"] == "#/description"
        reply = await split(agent_client, ticket, comment, subject="A training")
        assert reply.json()["code"] == "comment_is_internal"
        async with database.reads() as reads:
            assert await reads.fetch_value(select(func.count()).select_from(Ticket)) == 1
        opened = await split(agent_client, ticket, comment, description="Offer a training.")
        assert (opened.status_code, opened.json()["subject"]) == (201, "Offer a training.")
        assert "careless" not in opened.text

    async def test_one_whose_requester_reads_it_anyway_is_split(
        self, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        ticket = await a_ticket()
        reply = await split(agent_client, ticket, await said(agent_client, ticket, "Check the fuse", "internal"))
        assert (reply.status_code, reply.json()["subject"]) == (201, "Check the fuse")

    async def test_a_requester_splits_nothing_and_guesses_nothing(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        requester = await a_user()
        mine, foreign = await a_ticket(by=requester), await a_ticket()
        note = await said(agent_client, mine, "Hm", "internal")
        elsewhere = await said(agent_client, foreign, "Hello")
        own = await said(as_user(requester), mine, "Hello")
        me = as_user(requester)
        assert (await split(me, mine, own)).json()["code"] == "action_forbidden"
        for ticket, comment in ((mine, note), (mine, elsewhere)):
            reply = await split(me, ticket, comment)
            assert (reply.status_code, reply.json()["code"]) == (404, "comment_not_found")
        assert (await split(me, foreign, elsewhere)).json()["code"] == "ticket_not_found"
        assert (await split(agent_client, mine, elsewhere)).json()["code"] == "comment_not_found"


class TestForms:
    async def test_the_new_category_asks_for_its_fields(
        self, agent_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, a_ticket: Make, a_category: Make
    ) -> None:
        form = await admin_client.post(
            "/v1/forms",
            json={"name": "Mouse", "fields": [{"key": "model", "kind": "text", "label": "Model", "is_required": True}]},
        )
        assert form.status_code == 201, form.text
        category = public_id("cat", (await a_category()).id)
        patched = await admin_client.patch(f"/v1/categories/{category}", json={"default_form_id": form.json()["id"]})
        assert patched.status_code == 200, patched.text
        ticket = await a_ticket()
        comment = await said(agent_client, ticket, "The mouse, too.")
        refused = await split(agent_client, ticket, comment, category_id=category)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_custom_fields")
        assert refused.json()["errors"][0]["pointer"] == "#/custom_fields/model"
        opened = await split(agent_client, ticket, comment, category_id=category, custom_fields={"model": "M-1"})
        assert (opened.status_code, opened.json()["custom_fields"]) == (201, {"model": "M-1"})
