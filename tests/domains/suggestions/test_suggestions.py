"""Suggestions for a ticket and while somebody types: what is like it, why, and never more than may be read."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
from sqlalchemy import select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.ids import parse_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.writes import statements_of
from helpdesk_api.database.written_statements import statements_alone
from helpdesk_api.domains.knowledge.actions import create_article
from helpdesk_api.domains.knowledge.ranking import Hit
from helpdesk_api.domains.knowledge.schemas import ArticleCreate
from helpdesk_api.domains.suggestions.actions import show_and_keep
from helpdesk_api.domains.suggestions.models import Suggestion
from helpdesk_api.domains.suggestions.queries import Suggested
from helpdesk_api.domains.suggestions.reactions import note_opened
from helpdesk_api.domains.suggestions.rules import AskedWord, most_telling
from helpdesk_api.outbox.models import EventRow
from tests.domains.knowledge.conftest import BODY, Editors, editors
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make, make_user, principal_of
from tests.fixtures.clients import AsUser

__all__ = ["editors"]
VPN = {"subject": "VPN tunnel drops", "description": "The FortiClient tunnel drops with error 20199 after login."}


async def suggested(client: httpx.AsyncClient, ticket: dict[str, Any]) -> dict[str, Any]:
    reply = await client.get(f"/v1/tickets/{ticket['reference']}/suggestions")
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


async def typed(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    reply = await client.post("/v1/suggestions", json=body)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


async def resolved(client: httpx.AsyncClient, ticket: dict[str, Any], text: str) -> None:
    reply = await client.post(
        f"/v1/tickets/{ticket['id']}/resolve", json={"resolution_code": "fixed", "resolution_text": text}
    )
    assert reply.status_code == 200, reply.text


async def test_an_agent_is_shown_how_it_was_resolved_before(editors: Editors) -> None:
    before = await opened(editors.rita, **VPN)
    await resolved(editors.anna, before, "Reinstalled FortiClient 7.4.")
    await opened(editors.rita, subject="Printer", description="Blank pages after login.")
    article = await editors.published(title="FortiClient error 20199", body="Reinstall the tunnel adapter.")
    await editors.published(title="Printers", body="Open the drawer.")
    now = await opened(editors.rita, subject="FortiClient error 20199", description="My tunnel drops again.")
    answer = await suggested(editors.anna, now)
    assert (answer["ticket_id"], answer["engines"], answer["model"]) == (now["id"], ["full_text"], None)
    (similar,) = answer["similar"]
    assert (similar["ticket_id"], similar["resolution_text"]) == (before["id"], "Reinstalled FortiClient 7.4.")
    assert set(similar["evidence"]["words"]) == {"forticlient", "error", "20199", "tunnel", "drops"}
    assert similar["evidence"]["word_share"] > 0.8
    assert similar["score"] == 1.0
    (found,) = answer["articles"]
    assert found["article_id"] == article["id"]
    assert {"forticlient", "error", "tunnel"} <= set(found["evidence"]["words"])
    assert answer["duplicates"] == []
    assert answer["incident"] is None


async def test_duplicates_and_a_probable_incident(
    a_user: Make, as_user: AsUser, agent_client: httpx.AsyncClient
) -> None:
    people = [as_user(await a_user()) for _ in range(4)]
    first = await opened(people[0], **VPN)
    twin = await opened(people[0], **VPN)
    await opened(people[1], subject="Printer", description="Blank pages.")
    answer = await suggested(agent_client, first)
    assert [one["ticket_id"] for one in answer["duplicates"]] == [twin["id"]]
    assert answer["incident"] is None
    others = [await opened(one, **VPN) for one in people[1:]]
    incident = (await suggested(agent_client, first))["incident"]
    assert (incident["ticket_count"], incident["requester_count"]) == (5, 4)
    assert incident["ticket_ids"] == [twin["id"], *(one["id"] for one in others)]
    assert "forticlient" in incident["words"]
    later = clock.now() + timedelta(hours=2)
    with clock.frozen(later):
        late = await opened(people[0], **VPN)
        answer = await suggested(agent_client, late)
    assert answer["incident"] is None
    assert len(answer["duplicates"]) == 5


async def test_who_types_is_shown_articles_and_their_own_tickets(
    editors: Editors, a_user: Make, as_user: AsUser
) -> None:
    stranger = as_user(await a_user())
    await opened(stranger, **VPN)
    own = await opened(editors.rita, **VPN)
    article = await editors.published(title="The tunnel drops", body="FortiClient says error 20199.")
    await editors.published(title="FortiClient error 20199 for agents", audience="agents")
    await editors.draft(title="FortiClient error 20199, a draft")
    answer = await typed(editors.rita, subject="FortiClient tunnel", description='It "drops" -always: error 20199')
    assert [one["ticket_id"] for one in answer["tickets"]] == [own["id"]]
    assert [one["article_id"] for one in answer["articles"]] == [article["id"]]
    assert answer["id"].startswith("sug_")
    again = await typed(editors.rita, subject="FortiClient", suggestion_id=answer["id"])
    assert again["id"] == answer["id"]
    refused = await stranger.post("/v1/suggestions", json={"subject": "VPN", "suggestion_id": answer["id"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_reference")


async def test_further_questions_about_a_text_are_one_suggestion(editors: Editors, database: Database) -> None:
    articles = [await editors.published(title=f"The tunnel {word}", body="Wait.") for word in ("drops", "stalls")]
    first = await typed(editors.rita, subject="drops")
    for subject in ("stalls", "drops stalls", "nothing"):
        assert (await typed(editors.rita, subject=subject, suggestion_id=first["id"]))["id"] == first["id"]
    async with database.session() as session:
        kept = await session.get_one(Suggestion, parse_id("sug", first["id"]))
    assert [public_id("art", one) for one in kept.article_ids] == [one["id"] for one in articles]
    assert kept.asked_count == 4


async def test_two_questions_at_once_about_a_text_are_both_kept(own_database: Database) -> None:
    admin = await principal_of(own_database, await make_user(own_database, role=Role.ADMIN))
    async with own_database.session() as session:
        made = [await create_article(session, admin, ArticleCreate(**BODY)) for _ in range(2)]
    found = [Suggested("VPN", [Hit(article.id, article.language, 1.0)], [], []) for article in made]
    one, other = (partial(show_and_keep, principal=admin, found=each) for each in found)
    async with own_database.reads() as reads:
        suggestion_id, _ = await one(statements_alone(reads), suggestion_id=None)
        async with own_database.session() as session:
            await one(await statements_of(session), suggestion_id=suggestion_id)
            waiting = asyncio.create_task(other(statements_alone(reads), suggestion_id=suggestion_id))
            assert not (await asyncio.wait([waiting], timeout=0.2))[0]
        (kept_id, (shown,)) = await waiting
    assert (kept_id, shown["article_id"]) == (suggestion_id, made[1].id)
    async with own_database.session() as session:
        kept = await session.get_one(Suggestion, suggestion_id)
    assert (kept.article_ids, kept.asked_count) == ([article.id for article in made], 3)


async def test_in_a_long_text_the_words_that_tell_it_from_others_are_looked_for(editors: Editors) -> None:
    article = await editors.published(title="Error 20199 of FortiClient", body="Renew the certificate.")
    text = (
        "Since this morning nothing works and everybody waits while colleagues complain about slow screens everywhere"
    )
    answer = await typed(editors.rita, subject="FortiClient", description=f"{text}: certificate, error 20199")
    assert [one["article_id"] for one in answer["articles"]] == [article["id"]]
    found = [
        AskedWord("the", 1, 900, is_stop_word=True),
        AskedWord("printer", 2, 400, is_stop_word=False),
        AskedWord("hw17", 3, None, is_stop_word=False),
        AskedWord("tray", 4, 3, is_stop_word=False),
    ]
    assert most_telling(found, 2) == ["tray", "hw17"]


async def test_only_those_who_work_on_it_are_helped(a_user: Make, a_team: Make, as_user: AsUser) -> None:
    requester = as_user(await a_user())
    admin = as_user(await a_user(role=Role.ADMIN))
    team = await a_team(auto_assign=False)
    outside = as_user(await a_user(role=Role.AGENT))
    ticket = await opened(requester, **VPN)
    path = f"/v1/tickets/{ticket['id']}/suggestions"
    assigned = await admin.post(f"/v1/tickets/{ticket['id']}/assignments", json={"team_id": f"tea_{team.id.hex}"})
    assert assigned.status_code == 201
    refused = await requester.get(path)
    assert (refused.status_code, refused.json()["code"]) == (403, "action_forbidden")
    assert (await outside.get(path)).status_code == 404
    assert (await admin.get(path)).status_code == 200


async def test_outcomes_are_counted(editors: Editors, database: Database) -> None:
    article = await editors.published(title="The tunnel drops", body="FortiClient says error 20199.")
    asked = [await typed(editors.rita, **VPN) for _ in range(2)]
    await typed(editors.rita, subject="qwertz")
    path = f"/v1/suggestions/{asked[0]['id']}/outcome"
    told = await editors.rita.post(path, json={"outcome": "deflected", "article_id": article["id"]})
    assert (told.status_code, told.json()["outcome"]) == (200, "deflected")
    assert (await editors.ben.post(path, json={"outcome": "deflected"})).status_code == 404
    both = await editors.rita.post(path, json={"outcome": "deflected", "ticket_id": "INC-1"})
    assert (both.status_code, both.json()["code"]) == (422, "deflected_with_ticket")
    wrong = await editors.rita.post(path, json={"outcome": "deflected", "article_id": "art_" + "0" * 32})
    assert wrong.json()["errors"][0]["pointer"] == "#/article_id"
    wrong = await editors.rita.post(path, json={"outcome": "ticket_opened", "ticket_id": "INC-999999"})
    assert wrong.json()["errors"][0]["pointer"] == "#/ticket_id"
    report = (await editors.anna.get("/v1/suggestions/report")).json()
    assert [report[f"{name}_count"] for name in ("asked", "answered", "deflected", "opened", "stopped")] == [
        3,
        2,
        1,
        0,
        0,
    ]
    assert report["articles"] == [
        {"article_id": article["id"], "title": "The tunnel drops", "shown_count": 2, "deflected_count": 1}
    ]
    with clock.frozen(clock.now() + timedelta(days=2)):
        later = (await editors.anna.get("/v1/suggestions/report")).json()
    assert later["stopped_count"] == 1
    assert (await editors.rita.get("/v1/suggestions/report")).status_code == 403
    span = {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}
    assert (await editors.anna.get("/v1/suggestions/report", params=span)).json()["code"] == "report_span_invalid"
    span = {"since": "2026-03-01T02:00:00+05:30", "until": "2026-03-02T00:00:00-01:00"}
    told = (await editors.anna.get("/v1/suggestions/report", params=span)).json()
    assert (told["since"], told["until"]) == ("2026-02-28T20:30:00Z", "2026-03-02T01:00:00Z")
    ended = await typed(editors.rita, suggestion_id=asked[0]["id"], **VPN)
    assert ended["id"] != asked[0]["id"]
    ticket = await opened(editors.rita, **VPN)
    async with database.session() as session:
        event = await session.scalar(select(EventRow).where(EventRow.type == "ticket.created"))
        assert event is not None
        assert public_id("tkt", event.subject_id) == ticket["id"]
        # Reactions run at least once: the second time there is nothing left to note.
        for _ in range(2):
            await note_opened(session, event)
    report = (await editors.anna.get("/v1/suggestions/report")).json()
    assert [report[f"{name}_count"] for name in ("deflected", "opened")] == [1, 1]


async def noted(database: Database, ticket: dict[str, Any]) -> None:
    async with database.session() as session:
        one = EventRow.subject_id == parse_id("tkt", ticket["id"])
        event = await session.scalar(select(EventRow).where(EventRow.type == "ticket.created", one))
        assert event is not None
        await note_opened(session, event)


async def test_one_ticket_counts_once(editors: Editors, database: Database) -> None:
    await editors.published(title="The tunnel drops", body="FortiClient says error 20199.")
    now = clock.now()
    with clock.frozen(now - timedelta(hours=30)):
        long_typed = await typed(editors.rita, **VPN)
    with clock.frozen(now - timedelta(hours=2)):
        await typed(editors.rita, suggestion_id=long_typed["id"], **VPN)
        given_up, asked = [await typed(editors.rita, **VPN) for _ in range(2)]
    path = f"/v1/suggestions/{asked['id']}/outcome"
    assert (await editors.rita.post(path, json={"outcome": "ticket_opened"})).json()["ticket_id"] is None
    ticket = await opened(editors.rita, **VPN)
    await noted(database, ticket)
    # It is told again, and of which ticket it was is known by now.
    assert (await editors.rita.post(path, json={"outcome": "ticket_opened"})).json()["ticket_id"] == ticket["id"]
    report = (await editors.anna.get("/v1/suggestions/report")).json()
    assert (report["asked_count"], report["opened_count"]) == (3, 1)
    await editors.rita.post(f"/v1/suggestions/{given_up['id']}/outcome", json={"outcome": "deflected"})
    # A text that somebody was at until now, whenever they began it.
    await noted(database, await opened(editors.rita, **VPN))
    report = (await editors.anna.get("/v1/suggestions/report")).json()
    assert [report[f"{name}_count"] for name in ("deflected", "opened")] == [1, 2]


async def test_texts_of_any_kind(requester_client: httpx.AsyncClient) -> None:
    assert (await requester_client.post("/v1/suggestions", json={"subject": "a\x00b"})).status_code == 422
    for wrong in ({}, {"subject": " "}, {"subject": "x" * 201}, {"subject": "x", "description": "x" * 1_000_000}):
        assert (await requester_client.post("/v1/suggestions", json=wrong)).status_code == 422, str(wrong)[:40]
    for text in (
        "الطابعة لا تعمل مع VPN",
        "プリンターが動かない",
        "' | ! & <-> :* \\",
        '"unclosed -x (or',
        "😀 😀",
        "x'y''z",
    ):
        await opened(requester_client, subject=text, description=text)
        answer = await typed(requester_client, subject=text, description=f"{text}\u202e {text}" * 50)
        assert answer["articles"] == []
