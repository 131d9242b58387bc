"""Merging: one ticket ends, the other has it all, and nobody sees more than they should."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from helpdesk_api import wiring
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.config import Settings
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.domains.audit.log_events import events_behind, readable_between
from helpdesk_api.domains.audit.queries import Question, get_event, read_log
from helpdesk_api.domains.comments.models import Comment
from helpdesk_api.domains.relations import merging
from helpdesk_api.domains.relations.models import TicketLink
from helpdesk_api.domains.relations.schemas import TicketMerge
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.recompute import differences
from helpdesk_api.domains.tickets import full_text
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.main import create_app
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.outbox.relay import Relay
from helpdesk_api.web.errors import ProblemError
from tests.domains.attachments.files import uploaded
from tests.domains.tickets.test_search import held
from tests.factories.records import Make, make_ticket, make_user, principal_of
from tests.fixtures.clients import AsUser, client_of, test_authenticator

FIX = {"resolution_code": "fixed", "resolution_text": "Done."}


def tkt(ticket: Any) -> str:
    return public_id("tkt", ticket.id)


def at(ticket: Any) -> str:
    return f"/v1/tickets/{tkt(ticket)}"


async def merge(client: httpx.AsyncClient, ticket: Any, into: Any, **body: Any) -> httpx.Response:
    return await client.post(f"{at(ticket)}/merge", json={"into": tkt(into), **body})


async def said(client: httpx.AsyncClient, ticket: Any, text: str, visibility: str = "public") -> str:
    reply = await client.post(f"{at(ticket)}/comments", json={"body": text, "visibility": visibility})
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


async def texts(client: httpx.AsyncClient, ticket: Any) -> list[str]:
    reply = await client.get(f"{at(ticket)}/comments?include_total=true")
    assert reply.status_code == 200, reply.text
    assert reply.json()["total"] == len(reply.json()["data"])
    return [row["body"] for row in reply.json()["data"]]


async def history(client: httpx.AsyncClient, ticket: Any) -> list[dict[str, Any]]:
    return (await client.get(f"{at(ticket)}/history?limit=100")).json()["data"]


def details(row: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one["value"] for one in [*row["details"], *(row["internal_details"] or [])]}


class TestWhatMoves:
    async def test_comments_numbers_and_watchers(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        requester, watcher = await a_user(), await a_user(role=Role.AGENT)
        old, target = await a_ticket(by=requester), await a_ticket(by=requester)
        await said(agent_client, target, "target 1")
        await said(as_user(requester), old, "old 1")
        await said(agent_client, old, "old note", "internal")
        latest = await said(agent_client, old, "old 2")
        await agent_client.put(f"{at(old)}/watchers/{public_id('usr', watcher.id)}")
        reply = await merge(agent_client, old, target, comment="The same outage.")
        assert (reply.status_code, reply.json()["id"]) == (200, tkt(target))
        assert reply.headers["content-location"] == at(target)
        assert await texts(agent_client, target) == ["target 1", "old 1", "old note", "old 2", "The same outage."]
        assert await texts(as_user(requester), target) == ["target 1", "old 1", "old 2"]
        now = (await agent_client.get(f"{at(target)}?include=last_comment")).json()
        assert (now["public_comment_count"], now["internal_comment_count"]) == (3, 2)
        assert [one["excerpt"] for one in now["included"]["comments"].values()] == ["The same outage."]
        for_requester = (await as_user(requester).get(f"{at(target)}?include=last_comment")).json()
        assert list(for_requester["included"]["comments"]) == [latest]
        watching = (await agent_client.get(f"{at(target)}/watchers")).json()["data"]
        assert public_id("usr", watcher.id) in {row["user_id"] for row in watching}
        links = (await agent_client.get(f"{at(target)}/links")).json()["data"]
        assert [(row["kind"], row["ticket"]["id"]) for row in links] == [("duplicated_by", tkt(old))]

    @pytest.mark.parametrize(
        ("verb", "body", "status", "instant"),
        [
            (None, None, "cancelled", "cancelled_at"),
            ("start", {}, "cancelled", "cancelled_at"),
            ("pend", {"reason": "vendor"}, "cancelled", "cancelled_at"),
            ("resolve", FIX, "closed", "closed_at"),
        ],
    )
    async def test_it_ends_as_its_status_allows_and_so_do_its_clocks(
        self,
        agent_client: httpx.AsyncClient,
        a_ticket: Make,
        database: Database,
        verb: str | None,
        body: dict[str, str] | None,
        status: str,
        instant: str,
    ) -> None:
        old, target = await a_ticket(), await a_ticket()
        await said(agent_client, old, "Hello")
        if verb is not None:
            assert (await agent_client.post(f"{at(old)}/{verb}", json=body)).status_code == 200
        assert (await merge(agent_client, old, target)).status_code == 200
        page = (await agent_client.get("/v1/tickets?status=closed,cancelled")).json()["data"]
        (ended,) = page
        assert (ended["id"], ended["status"], ended["merged_into_id"]) == (tkt(old), status, tkt(target))
        assert ended[instant] is not None
        assert ended["sla_due_at"] is ended["closes_at"] is ended["pending_reason"] is None
        async with database.reads() as reads:
            ongoing = select(func.count()).where(SlaClock.ticket_id == old.id, SlaClock.ended_at.is_(None))
            assert await reads.fetch_value(ongoing) == 0
        found = [one async for one in differences(database)]
        assert [str(one) for one in found[:-1]] == []
        assert found != [0]

    async def test_the_one_that_goes_on_is_not_named_to_who_cannot_see_it(
        self,
        a_user: Make,
        a_team: Make,
        as_user: AsUser,
        a_ticket: Make,
        admin_client: httpx.AsyncClient,
        database: Database,
    ) -> None:
        guest = await a_user(role=Role.AGENT)
        old = await a_ticket(team_id=(await a_team()).id, collaborator_ids=[guest.id])
        target = await a_ticket(team_id=(await a_team()).id)
        linked = {"kind": "duplicates", "ticket_id": tkt(target)}
        assert (await admin_client.post(f"{at(old)}/links", json=linked)).status_code == 201
        assert (await merge(admin_client, old, target)).status_code == 200
        assert (await as_user(guest).get(at(target))).status_code == 404
        kept = (await as_user(guest).get(at(old))).json()
        assert (kept["id"], kept["merged_into_id"]) == (tkt(old), None)
        told = await history(as_user(guest), old)
        assert {"ticket.linked", "ticket.merged"} <= {row["type"] for row in told}
        (link,) = [row for row in told if row["type"] == "ticket.linked"]
        assert details(link)["kind"] == "duplicates"
        for named in (tkt(target), target.reference):
            assert named not in str(told)
            assert named in str(await history(admin_client, old))
        while await Relay(database, wiring.REACTIONS).relay_batch():
            pass
        reader, one = await principal_of(database, guest), Question(ticket_id=old.id)
        async with database.reads() as reads:
            page = (await read_log(reads, reader, one, 0, 100)).page(reader, one)
            events = await readable_between(reads, reader, one, 0, 10**9, 100)
            found = [await get_event(reads, reader, event.id) for event in events]
            counted = StatementCount()
            statement_count.set(counted)
            await events_behind(reads, 0, 500)
        assert counted.value == 2
        streamed = b"".join(event.text_for(reader) for event in events).decode()
        for shown in (str(page), streamed, str(found)):
            assert "ticket.merged" in shown
            assert tkt(target) not in shown
            assert target.reference not in shown
        assert tkt(target).encode() in b"".join(event.text_for(Principal.system()) for event in events)

    async def test_both_histories_tell_it(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        requester = await a_user()
        old, target = await a_ticket(by=requester), await a_ticket()
        await merge(agent_client, old, target)
        (ended,) = [row for row in await history(agent_client, old) if row["type"] == "ticket.merged"]
        (taken,) = [row for row in await history(agent_client, target) if row["type"] == "ticket.merged"]
        assert details(ended)["into_reference"] == target.reference
        assert (details(ended)["role"], details(taken)["role"]) == ("merged", "target")
        assert details(taken)["merged_reference"] == old.reference
        told = await as_user(requester).get(f"{at(old)}/history")
        assert "ticket.merged" in told.text
        assert target.reference not in told.text
        assert tkt(target) not in told.text


class TestOldNames:
    async def test_id_and_reference_lead_to_the_one_that_goes_on(
        self, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        old, middle, target = await a_ticket(), await a_ticket(), await a_ticket()
        await said(agent_client, old, "first")
        await merge(agent_client, old, middle)
        await said(agent_client, middle, "second")
        await merge(agent_client, middle, target)
        direct = await agent_client.get(f"{at(target)}?include=requester")
        assert "content-location" not in direct.headers
        for name in (tkt(old), old.reference, tkt(middle), middle.reference):
            reply = await agent_client.get(f"/v1/tickets/{name}?include=requester")
            assert (reply.status_code, reply.json()["reference"]) == (200, target.reference)
            assert (reply.headers["content-location"], reply.headers["etag"]) == (at(target), direct.headers["etag"])
        assert await texts(agent_client, old) == ["first", "second"]

    async def test_writes_are_refused_with_the_way(self, agent_client: httpx.AsyncClient, a_ticket: Make) -> None:
        old, target, third = await a_ticket(), await a_ticket(), await a_ticket()
        comment = await said(agent_client, old, "Hello")
        await merge(agent_client, old, target)
        someone = public_id("usr", third.requester_id)
        attempts: list[tuple[str, str, Any]] = [
            ("PATCH", "", {"subject": "x"}),
            ("POST", "/comments", {"body": "x"}),
            ("PATCH", f"/comments/{comment}", {"body": "x"}),
            ("POST", "/reopen", {"reason": "x"}),
            ("POST", "/assignments", {"assignee_id": "me"}),
            ("PUT", f"/watchers/{someone}", None),
            ("DELETE", f"/watchers/{someone}", None),
            ("PUT", f"/participants/{someone}", None),
            ("POST", "/links", {"kind": "blocks", "ticket_id": tkt(third)}),
            ("POST", "/merge", {"into": tkt(third)}),
            ("POST", "/merge-in", {"ticket_ids": [tkt(third)]}),
            ("POST", f"/comments/{comment}/split", {}),
            ("POST", "/children/resolve", FIX),
        ]
        for method, path, body in attempts:
            reply = await agent_client.request(method, f"{at(old)}{path}", json=body)
            assert (reply.status_code, reply.json()["code"]) == (409, "ticket_merged"), path
            assert reply.json()["params"] == {"ticket_id": tkt(target)}

    async def test_an_answer_that_was_lost_is_still_replayed(
        self, agent_client: httpx.AsyncClient, a_ticket: Make, database: Database
    ) -> None:
        old, target = await a_ticket(), await a_ticket()
        for path, body in ((f"{at(old)}/comments", {"body": "x"}), (f"{at(old)}/merge", {"into": tkt(target)})):
            sent = await agent_client.post(path, json=body, headers={"Idempotency-Key": path[-7:]})
            assert sent.status_code in (200, 201)
        events = await _count(database, EventRow)
        for path, body in ((f"{at(old)}/comments", {"body": "x"}), (f"{at(old)}/merge", {"into": tkt(target)})):
            again = await agent_client.post(path, json=body, headers={"Idempotency-Key": path[-7:]})
            assert again.headers["idempotency-replayed"] == "true"
        assert await _count(database, EventRow) == events


async def _count(database: Database, table: Any) -> int:
    async with database.reads() as reads:
        return await reads.fetch_value(select(func.count()).select_from(table))


class TestPrivacy:
    async def test_the_requester_of_the_merged_one_keeps_what_they_had_and_no_more(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        one, other = await a_user(), await a_user()
        old, target = await a_ticket(by=one, subject="Mine"), await a_ticket(by=other, subject="Theirs")
        mine = await said(as_user(one), old, "my words")
        await said(agent_client, old, "about them", "internal")
        await said(as_user(other), target, "their words")
        await merge(agent_client, old, target)
        me = as_user(one)
        assert (await me.get(at(target))).status_code == 404
        for name in (tkt(old), old.reference):
            reply = await me.get(f"/v1/tickets/{name}")
            assert (reply.json()["subject"], reply.json()["status"]) == ("Mine", "cancelled")
            assert "content-location" not in reply.headers
            assert tkt(target) not in reply.text
        assert await texts(me, old) == ["my words"]
        shown = await me.get(f"{at(old)}/comments/{mine}")
        assert (shown.status_code, shown.json()["ticket_id"]) == (200, tkt(old))
        assert (await me.get(f"{at(target)}/comments/{mine}")).status_code == 404
        refused = await me.post(f"{at(old)}/comments", json={"body": "still there?"})
        assert (refused.status_code, refused.json()["params"]) == (409, {"ticket_id": None})
        assert tkt(target) not in refused.text
        assert (await me.get(f"{at(old)}/links")).json()["data"] == []
        assert await texts(as_user(other), target) == ["my words", "their words"]

    async def test_who_sees_only_the_middle_of_three_keeps_what_had_come_to_it(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        askers = [await a_user() for _ in range(3)]
        first, middle, last = [await a_ticket(by=one) for one in askers]
        one, two, three = map(as_user, askers)
        file = (await uploaded(one, name="gasket.txt"))["id"]
        await said(three, last, "last")
        await said(two, middle, "middle")
        sent = await one.post(f"{at(first)}/comments", json={"body": "first", "attachment_ids": [file]})
        await said(agent_client, first, "note", "internal")
        for ticket, into in ((first, middle), (middle, last)):
            assert (await merge(agent_client, ticket, into)).status_code == 200
        assert await texts(one, first) == ["first"]
        assert await texts(two, middle) == ["middle", "first"]
        assert await texts(three, last) == ["last", "middle", "first"]
        comment = sent.json()["id"]
        for asker, ticket in ((one, first), (two, middle), (three, last)):
            assert (await asker.get(f"{at(ticket)}/comments/{comment}")).json()["ticket_id"] == tkt(ticket)
            page = (await asker.get("/v1/tickets?include=last_comment")).json()
            assert page["included"]["comments"][comment]["ticket_id"] == tkt(ticket)
            files = (await asker.get(f"{at(ticket)}/attachments")).json()["data"]
            assert [(held["id"], held["ticket_id"]) for held in files] == [(file, tkt(ticket))]
            assert (await asker.get(f"/v1/attachments/{file}")).json()["ticket_id"] == tkt(ticket)
        assert (await one.get(f"{at(middle)}/comments")).status_code == 404

    @pytest.mark.parametrize("share", [0.0, 1.0])
    async def test_they_find_it_where_they_read_it(
        self,
        a_user: Make,
        as_user: AsUser,
        agent_client: httpx.AsyncClient,
        a_ticket: Make,
        monkeypatch: pytest.MonkeyPatch,
        share: float,
    ) -> None:
        # Once by the index and once along the list's own order.
        monkeypatch.setattr(full_text, "_frequencies", held(dict.fromkeys(["bellows", "gasket", "sprocket"], share)))
        one, other = await a_user(), await a_user()
        me = as_user(one)
        old, target = await a_ticket(by=one), await a_ticket(by=other)
        files = {"body": "The bellows leak", "attachment_ids": [(await uploaded(me, name="gasket.txt"))["id"]]}
        mine = await me.post(f"{at(old)}/comments", json=files)
        assert mine.status_code == 201, mine.text
        await said(agent_client, old, "bellows of sprocket", "internal")
        await merge(agent_client, old, target)
        asked: dict[str, str | bool] = {
            "q": "bellows",
            "highlights": True,
            "sort": "relevance",
            "include": "last_comment",
        }
        found = (await me.get("/v1/tickets", params=asked)).json()
        assert [ticket["id"] for ticket in found["data"]] == [tkt(old)]
        (comment,) = found["included"]["comments"].values()
        assert (comment["id"], comment["ticket_id"]) == (mine.json()["id"], tkt(old))
        (marked,) = found["highlights"].values()
        assert [excerpt["comment_id"] for excerpt in marked["comments"]] == [mine.json()["id"]]
        by_name = (await me.get("/v1/tickets", params={"q": "gasket"})).json()["data"]
        assert [ticket["id"] for ticket in by_name] == [tkt(old)]
        assert (await me.get("/v1/tickets", params={"q": "sprocket"})).json()["data"] == []
        misspelt = (await me.get("/v1/tickets", params={"q": "belllows"})).json()
        assert misspelt["did_you_mean"] == [{"word": "belllows", "suggestions": ["bellows"]}]
        # Who sees where it goes on finds it there alone, be it beside the old one.
        for client in (as_user(other), agent_client):
            theirs = (await client.get("/v1/tickets", params=asked)).json()
            assert [ticket["id"] for ticket in theirs["data"]] == [tkt(target)]
            (comment,) = theirs["included"]["comments"].values()
            assert comment["ticket_id"] == tkt(target)

    async def test_they_join_when_it_is_asked_for(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        one, other = await a_user(), await a_user()
        old, target = await a_ticket(by=one), await a_ticket(by=other)
        await said(as_user(other), target, "their words")
        await merge(agent_client, old, target, add_requester=True)
        assert (await as_user(one).get(f"/v1/tickets/{old.reference}")).json()["id"] == tkt(target)
        assert await texts(as_user(one), target) == ["their words"]
        (taken,) = [row for row in await history(agent_client, target) if row["type"] == "ticket.merged"]
        assert details(taken)["participant_ids"] == [public_id("usr", one.id)]

    @pytest.mark.parametrize("joins", [True, False])
    async def test_participants_join_unless_it_is_declined(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make, joins: bool
    ) -> None:
        colleague = await a_user()
        old, target = await a_ticket(), await a_ticket()
        await agent_client.put(f"{at(old)}/participants/{public_id('usr', colleague.id)}")
        await agent_client.put(f"{at(target)}/watchers/{public_id('usr', colleague.id)}")
        await merge(agent_client, old, target, **({} if joins else {"add_participants": False}))
        assert (await as_user(colleague).get(at(target))).status_code == (200 if joins else 404)
        for one in ("participants", "watchers"):
            by_old = (await agent_client.get(f"/v1/tickets/{old.reference}/{one}")).json()
            assert by_old["data"] == (await agent_client.get(f"{at(target)}/{one}")).json()["data"]

    async def test_a_watcher_sees_no_more_than_before(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        watcher = await a_user()
        old, target = await a_ticket(), await a_ticket()
        await agent_client.put(f"{at(old)}/watchers/{public_id('usr', watcher.id)}")
        await merge(agent_client, old, target)
        assert (await as_user(watcher).get(at(target))).status_code == 404

    async def test_a_requester_merges_nothing_and_guesses_nothing(
        self, a_user: Make, as_user: AsUser, a_ticket: Make
    ) -> None:
        one = await a_user()
        mine, also_mine, foreign = await a_ticket(by=one), await a_ticket(by=one), await a_ticket()
        me = as_user(one)
        for reply in (await merge(me, mine, also_mine), await merge(me, mine, foreign)):
            assert (reply.status_code, reply.json()["code"]) == (403, "action_forbidden")
        reply = await merge(me, foreign, mine)
        assert (reply.status_code, reply.json()["code"]) == (404, "ticket_not_found")
        reply = await me.post(f"{at(mine)}/merge-in", json={"ticket_ids": [tkt(foreign)]})
        assert (reply.status_code, reply.json()["code"]) == (403, "action_forbidden")

    async def test_another_teams_tickets(
        self, a_user: Make, a_team: Make, as_user: AsUser, admin_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        team, other_team = await a_team(auto_assign=False), await a_team(auto_assign=False)
        user = await a_user(role=Role.AGENT, teams=[team])
        agent = as_user(user)
        mine, hidden = await a_ticket(team_id=team.id), await a_ticket(team_id=other_team.id)
        asked = await a_ticket(by=user, team_id=other_team.id)
        reply = await merge(agent, mine, hidden)
        assert (reply.status_code, reply.json()["code"]) == (422, "unknown_reference")
        reply = await merge(agent, hidden, mine)
        assert reply.status_code == 404
        # As its requester they see it, and do not work on it.
        for reply in (await merge(agent, mine, asked), await merge(agent, asked, mine)):
            assert (reply.status_code, reply.json()["code"]) == (403, "action_forbidden")
        await merge(admin_client, mine, hidden)
        assert (await agent.get(at(mine))).json()["status"] == "cancelled"
        refused = await agent.post(f"{at(mine)}/comments", json={"body": "x"})
        assert (refused.status_code, refused.json()["params"]) == (409, {"ticket_id": None})


class TestRefusals:
    async def test_into_itself_into_what_ended_and_what_ended(
        self, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        one, target, closed, cancelled = [await a_ticket() for _ in range(4)]
        await agent_client.post(f"{at(closed)}/resolve", json=FIX)
        await agent_client.post(f"{at(closed)}/close", json={})
        await agent_client.post(f"{at(cancelled)}/cancel", json={"reason": "No."})
        for ended in (closed, cancelled):
            reply = await merge(agent_client, one, ended)
            assert (reply.status_code, reply.json()["code"]) == (409, "merge_target_final")
            reply = await merge(agent_client, ended, one)
            assert (reply.status_code, reply.json()["code"]) == (409, "transition_not_allowed")
        reply = await merge(agent_client, one, one)
        assert (reply.status_code, reply.json()["code"]) == (422, "merge_into_itself")
        await merge(agent_client, one, target)
        third = await a_ticket()
        for ticket, into in ((third, one), (target, one)):
            reply = await merge(agent_client, ticket, into)
            assert (reply.status_code, reply.json()["code"]) == (409, "ticket_merged")
            assert reply.json()["errors"][0]["pointer"] == "#/into"
            assert reply.json()["params"] == {"ticket_id": tkt(target)}

    @pytest.mark.parametrize("kind", ["duplicates", "child_of"])
    @pytest.mark.parametrize("verb", ["merge", "merge-in"])
    async def test_no_circle_is_closed(
        self, agent_client: httpx.AsyncClient, a_ticket: Make, database: Database, kind: str, verb: str
    ) -> None:
        first, between, last = [await a_ticket() for _ in range(3)]
        for one, other in ((last, between), (between, first)):
            links = await agent_client.post(f"{at(one)}/links", json={"kind": kind, "ticket_id": tkt(other)})
            assert links.status_code == 201, links.text
        into_it = {"ticket_ids": [tkt(await a_ticket()), tkt(first)]}
        before = await _count(database, EventRow)
        ticket, body, pointer = (
            (first, {"into": tkt(last)}, "#/into") if verb == "merge" else (last, into_it, "#/ticket_ids/1")
        )
        reply = await agent_client.post(f"{at(ticket)}/{verb}", json=body)
        assert (reply.status_code, reply.json()["code"]) == (409, "link_cycle")
        assert reply.json()["errors"][0]["pointer"] == pointer
        assert await _count(database, EventRow) == before
        # The other way round it goes on where the links lead already.
        assert (await merge(agent_client, last, first)).status_code == 200

    async def test_many_into_one_are_all_or_none(
        self, agent_client: httpx.AsyncClient, a_ticket: Make, database: Database
    ) -> None:
        target, *others = [await a_ticket() for _ in range(4)]
        path = f"{at(target)}/merge-in"
        await agent_client.post(f"{at(others[-1])}/cancel", json={"reason": "No."})
        events = await _count(database, EventRow)
        names = [tkt(others[0]), others[1].reference]
        for wrong, status, code in (
            (tkt(others[-1]), 409, "transition_not_allowed"),
            (tkt(target), 422, "merge_into_itself"),
            (names[0], 422, "ticket_repeated"),
            (others[0].reference, 422, "ticket_repeated"),
            ("INC-999999", 422, "unknown_reference"),
        ):
            reply = await agent_client.post(path, json={"ticket_ids": [*names, wrong]})
            assert (reply.status_code, reply.json()["code"]) == (status, code)
            assert {error["pointer"] for error in reply.json()["errors"]} <= {"#/ticket_ids/2"}
        assert await _count(database, EventRow) == events
        assert (await agent_client.get(at(others[0]))).json()["status"] == "open"
        reply = await agent_client.post(path, json={"ticket_ids": names})
        assert reply.status_code == 200, reply.text
        for old in others[:2]:
            assert (await agent_client.get(at(old))).json()["id"] == tkt(target)


async def test_two_merges_at_once(own_database: Database) -> None:
    """Into each other, and into two targets: one of each pair wins, and the other is told where it went."""
    caller = await principal_of(own_database, await make_user(own_database, role=Role.ADMIN))

    async def race(*pairs: tuple[Any, Any]) -> list[str]:
        together = asyncio.Barrier(len(pairs))

        async def one(ticket: Any, into: Any) -> str:
            try:
                async with own_database.session() as session:
                    await session.execute(select(1))
                    await together.wait()
                    await merging.merge_into(session, own_database, caller, tkt(ticket), TicketMerge(into=tkt(into)))
            except ProblemError as refusal:
                return refusal.code
            return "merged"

        return sorted(await asyncio.gather(*[one(*pair) for pair in pairs]))

    one, other, third = [await make_ticket(own_database) for _ in range(3)]
    assert await race((one, other), (other, one)) == ["merged", "ticket_merged"]
    fourth, fifth = [await make_ticket(own_database) for _ in range(2)]
    assert await race((third, fourth), (third, fifth)) == ["merged", "ticket_merged"]
    async with own_database.reads() as reads:
        merged = await reads.fetch_value(select(func.count()).where(Ticket.merged_into_id.is_not(None)))
    assert merged == 2
    found = [one async for one in differences(own_database)]
    assert [str(one) for one in found[:-1]] == []


async def test_after_an_error_nothing_is_half_done(own_database: Database, settings: Settings) -> None:
    """Somebody holds a comment until the merge gives up, when the old ticket has already ended in its transaction."""
    app: FastAPI = create_app(settings, database=own_database)
    app.state.authenticator = test_authenticator
    admin = await make_user(own_database, role=Role.ADMIN)
    old, target = await make_ticket(own_database), await make_ticket(own_database)
    async with client_of(app, f"test-{admin.id.hex}") as client:
        comment = await said(client, old, "Hello")
        before = [(await client.get(at(one))).json() for one in (old, target)]
        counts = [await _count(own_database, table) for table in (EventRow, TicketLink)]
        async with own_database.session() as holder:
            await holder.execute(select(Comment.id).with_for_update())
            reply = await merge(client, old, target, comment="Lost.", add_requester=True)
            assert (reply.status_code, reply.json()["code"]) == (409, "busy")
        assert [(await client.get(at(one))).json() for one in (old, target)] == before
        assert [await _count(own_database, table) for table in (EventRow, TicketLink)] == counts
        assert (await client.get(f"{at(old)}/comments")).json()["data"][0]["id"] == comment
        assert (await merge(client, old, target)).status_code == 200


class TestUnseenNames:
    async def test_a_requester_who_guesses_learns_nothing_and_staff_are_led_on(
        self, a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient, a_ticket: Make
    ) -> None:
        own, stranger = await a_user(), await a_user()
        into, merged = await a_ticket(by=own), await a_ticket(by=stranger)
        assert (await merge(agent_client, merged, into)).status_code == 200
        guessed = await as_user(own).get(at(merged))
        never = await as_user(own).get(f"/v1/tickets/tkt_{'0' * 32}")
        assert (guessed.status_code, guessed.json()["code"]) == (404, never.json()["code"])
        assert (await agent_client.get(at(merged))).json()["id"] == tkt(into)
