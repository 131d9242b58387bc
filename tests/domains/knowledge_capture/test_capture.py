"""From a resolved ticket to an article, and from an article to the tickets that it resolves."""

import re
from typing import Any

import httpx
import pytest

from helpdesk_api import wiring
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.audit.log_events import events_behind
from helpdesk_api.domains.knowledge.enums import ArticleLanguage
from helpdesk_api.domains.knowledge_capture.actions import draft_text
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.relay import Relay
from tests.domains.knowledge.conftest import Editors, at, editors
from tests.domains.tickets.test_search import opened
from tests.factories.records import principal_of

__all__ = ["editors"]
RESOLUTION = {"resolution_code": "fixed", "resolution_text": "Renew the certificate."}


async def resolved(client: httpx.AsyncClient, ticket: dict[str, Any], **more: Any) -> httpx.Response:
    return await client.post(f"/v1/tickets/{ticket['id']}/resolve", json={**RESOLUTION, **more})


async def test_a_draft_says_what_the_requester_can_see(editors: Editors) -> None:
    ticket = await opened(editors.rita, subject="VPN drops", description="Every hour.")
    path = f"/v1/tickets/{ticket['id']}"
    early = await editors.anna.post(f"{path}/article", json={})
    assert (early.status_code, early.json()["code"]) == (409, "ticket_not_resolved")
    await editors.anna.post(f"{path}/comments", json={"body": "The secret is hunter2.", "visibility": "internal"})
    assert (await resolved(editors.anna, ticket)).status_code == 200
    key = {"Idempotency-Key": "draft-once"}
    made = [
        await editors.anna.post(f"{path}/article", json={"category_id": editors.category_id}, headers=key) for _ in "ab"
    ]
    assert [reply.status_code for reply in made] == [201, 201]
    article = made[0].json()
    assert made[1].json()["id"] == article["id"]
    assert made[0].headers["location"] == at(article)
    assert (article["title"], article["status"], article["audience"]) == ("VPN drops", "draft", "agents")
    assert article["body"] == "## Problem\n\nEvery hour.\n\n## Solution\n\nRenew the certificate."
    (link,) = (await editors.anna.get(at(article, "/tickets"))).json()["data"]
    assert (link["ticket_id"], link["use"], link["reference"]) == (ticket["id"], "drafted", ticket["reference"])
    refused = await editors.rita.post(f"{path}/article", json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "action_forbidden")


async def test_a_draft_for_a_team(editors: Editors) -> None:
    ticket = await opened(editors.rita)
    await resolved(editors.anna, ticket)
    path = f"/v1/tickets/{ticket['id']}/article"
    teams = {"audience": "teams", "team_ids": [editors.team_id]}
    made = await editors.anna.post(path, json=teams)
    assert (made.status_code, made.json()["audience"], made.json()["team_ids"]) == (201, "teams", [editors.team_id])
    refused = await editors.anna.post(path, json={"audience": "teams"})
    assert (refused.json()["code"], refused.json()["errors"][0]["pointer"]) == (
        "article_teams_required",
        "#/team_ids",
    )


@pytest.mark.parametrize("language", ArticleLanguage)
def test_what_a_draft_has_no_room_for_is_said(language: ArticleLanguage) -> None:
    whole = draft_text(language, "INC-1", "d" * 40_000, "r" * 20_000)
    assert (whole.count("d" * 40_000), whole.count("r" * 20_000)) == (1, 1)
    for description, resolution in ((65_536, 100), (65_536, 65_536), (100, 65_536), (33_000, 40_000)):
        text = draft_text(language, "INC-1", "\u2603" * description, "\u2602" * resolution)
        assert 65_000 < len(text) <= 65_536
        assert text.count("INC-1") == (description > 32_700) + (resolution > 32_700)
        cut = sum(int(count) for count in re.findall(r"\d{3,}", text))
        assert text.count("\u2603") + text.count("\u2602") + cut == description + resolution


async def test_resolving_says_which_article_served(editors: Editors) -> None:
    seen, hidden = await editors.published(title="Seen"), await editors.published(title="Hidden", audience="agents")
    draft = await editors.draft()
    first, second = await opened(editors.rita), await opened(editors.rita)
    for unknown in (draft["id"], f"art_{'0' * 32}"):
        reply = await resolved(editors.ben, first, article_id=unknown)
        assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "#/article_id")
    for ticket, article in ((first, seen), (second, hidden)):
        reply = await resolved(editors.ben, ticket, article_id=article["id"])
        assert (reply.status_code, reply.json()["resolution_article_id"]) == (200, article["id"])
    mine = [
        (await editors.rita.get(f"/v1/tickets/{one['id']}")).json()["resolution_article_id"] for one in (first, second)
    ]
    assert mine == [seen["id"], None]
    # That it is gone, or theirs to see after all, is another answer.
    path = f"/v1/tickets/{first['id']}"
    held = {"If-None-Match": (await editors.rita.get(path)).headers["etag"]}
    assert (await editors.rita.get(path, headers=held)).status_code == 304
    assert (await editors.olga.patch(at(seen), json={"audience": "agents"})).status_code == 200
    gone = await editors.rita.get(path, headers=held)
    assert (gone.status_code, gone.json()["resolution_article_id"]) == (200, None)
    assert (await editors.olga.patch(at(seen), json={"audience": "requesters"})).status_code == 200
    assert (await editors.rita.get(path, headers={"If-None-Match": gone.headers["etag"]})).status_code == 200
    # Of the staff, too, only those who may read it are told which.
    of_team = {"audience": "teams", "team_ids": [editors.team_id]}
    assert (await editors.olga.patch(at(hidden), json=of_team)).status_code == 200
    named = [
        (await reader.get(f"/v1/tickets/{second['id']}")).json()["resolution_article_id"]
        for reader in (editors.anna, editors.olga, editors.ben, editors.admin)
    ]
    assert named == [hidden["id"], hidden["id"], None, hidden["id"]]
    assert (await editors.olga.patch(at(hidden), json={"audience": "agents", "team_ids": []})).status_code == 200
    rated = {"If-Match": (await editors.rita.get(path)).headers["etag"]}
    assert (await editors.olga.patch(at(seen), json={"audience": "agents"})).status_code == 200
    assert (await editors.rita.post(f"{path}/rate", json={"score": 5}, headers=rated)).status_code == 200
    assert (await editors.olga.patch(at(seen), json={"audience": "requesters"})).status_code == 200
    history = (await editors.rita.get(f"/v1/tickets/{second['id']}/history")).text
    assert hidden["id"] not in history
    assert hidden["id"] in (await editors.ben.get(f"/v1/tickets/{second['id']}/history")).text

    async def count(article: dict[str, Any]) -> int:
        found: int = (await editors.ben.get(at(article, "/statistics"))).json()["ticket_count"]
        return found

    assert (await count(seen), await count(hidden)) == (1, 1)
    (link,) = (await editors.ben.get(at(seen, "/tickets"))).json()["data"]
    assert (link["use"], link["ticket_id"]) == ("resolved", first["id"])
    assert (await editors.rita.get(at(seen, "/tickets"))).json()["code"] == "article_action_forbidden"
    reopened = await editors.rita.post(f"/v1/tickets/{first['id']}/reopen", json={"reason": "It is back."})
    assert (reopened.status_code, reopened.json()["resolution_article_id"]) == (200, None)
    assert await count(seen) == 0
    assert (await editors.ben.get(at(seen, "/tickets"))).json()["data"] == []
    await resolved(editors.ben, first)
    assert await count(seen) == 0


async def test_a_history_names_no_article_that_its_reader_may_not_read(editors: Editors, database: Database) -> None:
    hidden, ticket = await editors.published(audience="agents"), await opened(editors.rita)
    assert (await resolved(editors.ben, ticket, article_id=hidden["id"])).status_code == 200
    of_team = {"audience": "teams", "team_ids": [editors.team_id]}
    assert (await editors.olga.patch(at(hidden), json=of_team)).status_code == 200
    told = [
        hidden["id"] in (await reader.get(f"/v1/tickets/{ticket['id']}/history")).text
        for reader in (editors.anna, editors.olga, editors.ben, editors.admin)
    ]
    assert told == [True, True, False, True]
    while await Relay(database, wiring.REACTIONS).relay_batch():
        pass
    async with database.reads() as reads:
        events = [event for event in await events_behind(reads, 0, 500) if event.type == "ticket.resolved"]
    people = {reader: (await reader.get("/v1/me")).json()["id"] for reader in (editors.anna, editors.olga, editors.ben)}
    for reader, person in people.items():
        async with database.session() as session:
            user = await session.get_one(User, parse_id("usr", person))
        principal = await principal_of(database, user)
        streamed = [hidden["id"].encode() in event.text_for(principal) for event in events]
        assert any(streamed) is (reader is not editors.ben)
