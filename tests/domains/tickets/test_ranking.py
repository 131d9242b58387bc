"""Best matches first, and where they lie: never more of either than the caller may read."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.tickets import full_text, ranking
from helpdesk_api.domains.tickets.highlights import MAX_EXCERPT
from tests.domains.tickets.test_search import opened, searched
from tests.factories.records import Make, make_ticket
from tests.fixtures.clients import AsUser

LONG = "Nothing of it matters here, and there is much of it. " * 5


@pytest.fixture
async def toner(requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    """The word in a subject, in a description, in a public and in an internal comment; the best one is the oldest."""
    tickets = {
        "Toner": await opened(requester_client, subject="Toner", description=LONG),
        "Described": await opened(requester_client, subject="Described", description=f"{LONG} The toner is empty."),
        "Answered": await opened(requester_client, subject="Answered", description=LONG),
        "Discussed": await opened(requester_client, subject="Discussed", description=LONG),
        "Other": await opened(requester_client, subject="Other", description=LONG),
    }
    for subject, visibility in (("Answered", "public"), ("Discussed", "internal")):
        body = {"body": f'{LONG} We "ordered" toner & paper < 5. {LONG}', "visibility": visibility}
        path = f"/v1/tickets/{tickets[subject]['id']}/comments"
        assert (await agent_client.post(path, json=body)).status_code == 201
    return tickets


def subjects(answer: dict[str, Any]) -> list[str]:
    return [row["subject"] for row in answer["data"]]


@pytest.mark.usefixtures("toner")
async def test_a_subject_counts_more_than_a_description_and_that_more_than_a_comment(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    listed = await requester_client.get("/v1/tickets", params={"q": "toner", "sort": "relevance"})
    assert subjects(listed.json()) == ["Toner", "Described", "Answered"]
    for query in ("toner", "is:open toner -printer", "(toner OR unheard)"):
        assert subjects(await searched(requester_client, query=query, sort="relevance")) == subjects(listed.json())
    assert subjects(await searched(agent_client, query="toner", sort="relevance"))[:2] == ["Toner", "Described"]
    assert len(subjects(await searched(agent_client, query="toner", sort="relevance"))) == 4
    assert (await searched(agent_client, query="toner unheard", sort="relevance"))["data"] == []


@pytest.mark.parametrize(
    "body", [{}, {"query": "is:open"}, {"query": "-toner"}, {"query": '"..."'}, {"conditions": {"all": []}}]
)
async def test_relevance_needs_a_text(requester_client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    reply = await requester_client.post("/v1/tickets/search", json={**body, "sort": "relevance"})
    assert (reply.status_code, reply.json()["code"]) == (422, "relevance_needs_text"), reply.text
    both = await requester_client.get("/v1/tickets", params={"q": "a", "sort": "relevance,-priority"})
    assert (both.status_code, both.json()["code"]) == (422, "validation_failed")


async def test_pages_by_relevance_hold_while_tickets_come_in(requester_client: httpx.AsyncClient) -> None:
    for number in range(7):
        # Three of each rank, so that the id has to decide.
        await opened(requester_client, subject="Toner " + "x " * (number // 3), description=f"{number}")
    whole = await searched(requester_client, query="toner", sort="relevance")
    ids = [row["id"] for row in whole["data"]]
    body: dict[str, Any] = {"query": "toner", "sort": "relevance", "limit": 3}
    first = await searched(requester_client, **body)
    await opened(requester_client, subject="Toner")
    second = await searched(requester_client, **body, cursor=first["next_cursor"])
    third = await searched(requester_client, **body, cursor=second["next_cursor"])
    assert [row["id"] for page in (first, second, third) for row in page["data"]] == ids
    assert third["next_cursor"] is None
    back = await searched(requester_client, **body, cursor=third["prev_cursor"])
    assert [row["id"] for row in back["data"]] == ids[3:6]
    again = await searched(requester_client, **body, cursor=back["prev_cursor"])
    assert [row["id"] for row in again["data"]] == ids[:3]


async def test_the_newest_matches_alone_are_ranked(
    database: Database, agent_client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, a_user: Make
) -> None:
    requester = await a_user()
    now = clock.now()
    for number, subject in enumerate(("Toner", "A toner", "A new toner", "A very new toner")):
        await make_ticket(
            database, requester_id=requester.id, subject=subject, created_at=now - timedelta(days=9 - number)
        )
    assert subjects(await searched(agent_client, query="toner", sort="relevance"))[0] == "Toner"
    monkeypatch.setattr(ranking, "CANDIDATES", 2)
    # Another text, since the statement for the first is already made.
    found = subjects(await searched(agent_client, query="toner OR toners", sort="relevance"))
    assert found == ["A new toner", "A very new toner"]


async def test_excerpts_mark_the_matches_and_escape_the_rest(
    toner: dict[str, dict[str, Any]], requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    params = {"q": "toner ordered or toner", "highlights": "true"}
    for client in (requester_client, agent_client):
        marked = (await client.get("/v1/tickets", params=params)).json()["highlights"]
        assert marked[toner["Toner"]["id"]]["subject"] == "<mark>Toner</mark>"
        assert marked[toner["Toner"]["id"]]["description"] is None
        described = marked[toner["Described"]["id"]]
        assert described["subject"] is None
        assert "<mark>toner</mark> is empty" in described["description"]
        (comment,) = marked[toner["Answered"]["id"]]["comments"]
        assert "&quot;<mark>ordered</mark>&quot; <mark>toner</mark> &amp; paper &lt; 5." in comment["excerpt"]
        assert toner["Other"]["id"] not in marked
    assert len(marked[toner["Discussed"]["id"]]["comments"]) == 1
    # The requester finds the discussed ticket by another word, and still sees nothing of what was said inside.
    wide = {"q": "discussed or toner", "highlights": "true"}
    seen = (await requester_client.get("/v1/tickets", params=wide)).json()["highlights"]
    assert seen[toner["Discussed"]["id"]]["subject"] == "<mark>Discussed</mark>"
    assert seen[toner["Discussed"]["id"]]["comments"] == []
    assert (await searched(requester_client, highlights=True))["highlights"] == {}
    assert (await searched(requester_client, query="toner"))["highlights"] is None


async def test_excerpts_of_long_words_are_cut(requester_client: httpx.AsyncClient) -> None:
    ticket = await opened(requester_client, description='"' * 9_000 + " toner " + '"' * 9_000)
    answer = await searched(requester_client, query="toner", highlights=True)
    shown = answer["highlights"][ticket["id"]]["description"]
    assert len(shown) <= MAX_EXCERPT
    assert "<mark>toner</mark>" in shown


async def test_marks_that_somebody_typed_are_dropped(requester_client: httpx.AsyncClient) -> None:
    ticket = await opened(requester_client, subject="\x02<mark>\x03 toner", description="\x03toner\x02 toner")
    answer = await searched(requester_client, query="toner", highlights=True)
    marked = answer["highlights"][ticket["id"]]
    assert marked["subject"] == "&lt;mark&gt; <mark>toner</mark>"
    assert marked["description"] == "<mark>toner</mark> <mark>toner</mark>"


@pytest.mark.parametrize(
    ("tsquery", "wanted"),
    [
        ("'vpn' & 'drops'", "( 'vpn' ) | ( 'drops' )"),
        ("'vpn' <-> 'drops' | 'a'", "( 'vpn' <-> 'drops' ) | ( 'a' )"),
        ("'vpn' & !'drops'", "( 'vpn' )"),
        ("'vpn' & !( 'it' <2> 'drops' ) & 'a'", "( 'vpn' ) | ( 'a' )"),
        ("!'a'", ""),
        ("'it''s' & 'a\\\\'", "( 'it''s' ) | ( 'a\\\\' )"),
        ("", ""),
    ],
)
def test_what_is_ranked_by(tsquery: str, wanted: str) -> None:
    assert full_text._sought("x", tsquery, {}).wanted == wanted


async def test_views_rank_and_mark(requester_client: httpx.AsyncClient, a_user: Make, as_user: AsUser) -> None:
    await opened(requester_client, subject="Toner")
    view = {"name": "Toner", "scope": "personal", "query": "toner", "sort": "relevance"}
    saved = (await requester_client.post("/v1/views", json=view)).json()
    shown = (await requester_client.get(f"/v1/views/{saved['id']}/tickets", params={"highlights": "true"})).json()
    assert [one["subject"] for one in shown["highlights"].values()] == ["<mark>Toner</mark>"]
