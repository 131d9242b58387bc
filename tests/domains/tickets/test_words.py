"""Forms of words in several languages, and suggestions for misspelt ones that tell nobody what they may not read."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.database.statistics import Statistic
from helpdesk_api.domains.tickets import words
from helpdesk_api.domains.tickets.words import SearchProgress, SearchWord
from tests.domains.tickets.test_search import found, opened, searched
from tests.factories.records import Make, make_ticket
from tests.fixtures.clients import AsUser


async def learn(database: Database) -> None:
    """As the worker does it, some minutes later."""
    with clock.frozen(clock.now() + timedelta(minutes=5)):
        async with database.session() as session:
            await words.learn(session, {})


async def suggested(client: httpx.AsyncClient, query: str) -> Any:
    answer = await searched(client, query=query)
    assert answer["data"] == []
    return {one["word"]: one["suggestions"] for one in answer["did_you_mean"]}


async def say(client: httpx.AsyncClient, ticket: dict[str, Any], body: str, visibility: str = "public") -> None:
    path = f"/v1/tickets/{ticket['id']}/comments"
    reply = await client.post(path, json={"body": body, "visibility": visibility})
    assert reply.status_code == 201, reply.text


async def test_a_word_finds_its_forms(
    database: Database, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    await opened(requester_client, subject="English", description="The printer is offline.")
    await opened(requester_client, subject="Deutsch", description="Auf allen Druckern fehlt Papier.")
    await opened(requester_client, subject="Español", description="Las impresoras no imprimen.")
    ticket = await opened(requester_client, subject="Said", description="See below.")
    await say(agent_client, ticket, "Both printers were replaced.")
    assert await found(agent_client, "printers") == ["Said"]
    await learn(database)
    for client in (agent_client, requester_client):
        assert await found(client, "printers") == await found(client, "PRINTER") == ["English", "Said"]
        assert await found(client, "Drucker") == ["Deutsch"]
        assert await found(client, "imprimir") == ["Español"]
        assert await found(client, "printers offline") == ["English"]
        # In quotes it is the word alone.
        assert await found(client, '"printers were"') == ["Said"]
        assert await found(client, '"printer were"') == []
        assert await found(client, "both -printer") == []
        assert await found(client, "both -impresora") == ["Said"]
    with_q = await agent_client.get("/v1/tickets", params={"q": "replaced -printer"})
    assert with_q.json()["data"] == []
    marked = await searched(agent_client, query="printers", highlights=True, sort="relevance")
    excerpts = [one["description"] for one in marked["highlights"].values() if one["description"]]
    assert excerpts == ["<mark>printer</mark> is offline"]
    listed = await agent_client.get("/v1/tickets", params={"q": "printers", "counts": "true"})
    assert (len(listed.json()["data"]), listed.json()["counts"]["status"]) == (2, {"open": 2})


def read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    unread: list[str] = []
    monkeypatch.setattr(words, "_languages", Statistic(words._read_languages, unread))


async def test_forms_are_of_the_languages_that_the_desk_writes_in(
    database: Database, a_user: Make, as_user: AsUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the language of a ticket, for people mix them; a language that nobody writes in widens nothing."""
    monkeypatch.setattr(words, "ENOUGH_DETECTED", 4)
    read_anew(monkeypatch)
    rita = await a_user()
    client = as_user(rita)
    for language, subject, description in (
        ("en", "One", "Two printers are offline."),
        ("de", "Two", "Die Drucker sind aus."),
        ("en", "Three", "The Druckern say no imprimen."),
    ):
        await make_ticket(database, by=rita, subject=subject, description=description, language=language)
    await learn(database)
    assert await found(client, "imprimir") == ["Three"], "three tickets tell nothing"
    await make_ticket(database, by=rita, subject="Four", language="de")
    read_anew(monkeypatch)
    async with database.reads() as reads:
        assert await words.languages_in_use(reads) == ["en", "de"]
    assert await found(client, "Drucker") == ["Three", "Two"], "German words in an English ticket"
    assert await found(client, "printer") == ["One"]
    assert await found(client, "imprimir") == []
    assert await found(client, "imprimen") == ["Three"]


def test_what_a_detector_gets_wrong_is_no_language_of_the_desk() -> None:
    assert words.languages_of({"en": 900, "de": 95, "fr": 5, "nl": 40}) == ["en", "de"]
    assert words.languages_of({"en": 100}) == list(words.LANGUAGES)
    assert words.languages_of({"ja": 400}) == list(words.LANGUAGES)
    assert words.languages_of({}) == list(words.LANGUAGES)


async def test_a_misspelt_word_is_suggested_as_it_is_written(
    database: Database,
    requester_client: httpx.AsyncClient,
    agent_client: httpx.AsyncClient,
    admin_client: httpx.AsyncClient,
) -> None:
    await opened(requester_client, subject="Certificate", description="The certificate has expired.")
    # A requester's come from their tickets, so nothing has to be learnt.
    assert await suggested(requester_client, "certifcate") == {"certifcate": ["certificate"]}
    await learn(database)
    for client in (agent_client, admin_client):
        assert await suggested(client, "certifcate") == {"certifcate": ["certificate"]}
        assert await suggested(client, "expired certifcate") == {"certifcate": ["certificate"]}
        assert await suggested(client, "xylophone") == {}
    answer = await searched(agent_client, query="certificate")
    assert answer["did_you_mean"] is None
    assert (await searched(agent_client, query="is:closed"))["did_you_mean"] is None


async def test_no_suggestion_tells_of_what_the_caller_may_not_read(
    database: Database,
    requester_client: httpx.AsyncClient,
    agent_client: httpx.AsyncClient,
    admin_client: httpx.AsyncClient,
    a_user: Make,
    a_team: Make,
    as_user: AsUser,
) -> None:
    mine = await opened(requester_client, subject="Mine")
    await say(agent_client, mine, "The embezzlement is under investigation.", "internal")
    theirs = await opened(as_user(await a_user()), subject="A quarterly bankruptcy")
    team = await a_team()
    body = {"team_id": f"tea_{team.id.hex}"}
    assert (await admin_client.post(f"/v1/tickets/{theirs['id']}/assignments", json=body)).status_code == 201
    await learn(database)
    member = as_user(await a_user(role=Role.AGENT, teams=[team]))
    for client in (requester_client, as_user(await a_user())):
        assert await suggested(client, "embzzlement") == {}
        assert await suggested(client, "bankrupcy") == {}
    # Agents of other teams see neither the ticket nor its words; its own team and administrators do.
    assert await suggested(agent_client, "bankrupcy") == {}
    assert await suggested(agent_client, "embzzlement") == {"embzzlement": ["embezzlement"]}
    for client in (member, admin_client):
        assert await suggested(client, "bankrupcy") == {"bankrupcy": ["bankruptcy"]}


async def test_words_are_learnt_once_and_nothing_that_looks_like_a_secret(
    database: Database, requester_client: httpx.AsyncClient
) -> None:
    await opened(
        requester_client, subject="Gateway", description="gateway gateway srv-eu-12 hunter2 10.0.0.1 ok " + "x" * 60
    )
    await learn(database)
    await learn(database)
    async with database.session() as session:
        rows = (await session.execute(select(SearchWord.word, SearchWord.seen_count))).all()
        reached = (await session.execute(select(SearchProgress.source))).scalars().all()
    counts = {row.word: row.seen_count for row in rows}
    assert counts["gateway"] == 1
    assert not {"hunter2", "ok", "x" * 60, "12"} & counts.keys()
    assert set(reached) == {"tickets", "comments"}
    await opened(requester_client, subject="Gateway")
    await learn(database)
    async with database.session() as session:
        again = await session.scalar(select(SearchWord.seen_count).where(SearchWord.word == "gateway"))
    assert again == 2


async def test_many_texts_are_learnt_in_batches(
    database: Database, requester_client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await opened(requester_client, subject=f"Batch {'abcde'[number] * 5}")
    monkeypatch.setattr(words, "BATCH", 2)
    monkeypatch.setattr(words, "_BATCHES", 2)
    await learn(database)
    async with database.session() as session:
        assert await session.scalar(select(SearchWord.seen_count).where(SearchWord.word == "batch")) == 4
    await learn(database)
    async with database.session() as session:
        assert await session.scalar(select(SearchWord.seen_count).where(SearchWord.word == "batch")) == 5


async def test_a_tilde_finds_what_is_spelt_much_alike(
    database: Database,
    requester_client: httpx.AsyncClient,
    agent_client: httpx.AsyncClient,
    a_user: Make,
    as_user: AsUser,
) -> None:
    mine = await opened(requester_client, subject="Mine", description="The printer is offline.")
    await opened(requester_client, subject="Other", description="A painting fell down.")
    await say(agent_client, mine, "The cartridge was stolen.", visibility="internal")
    await learn(database)
    stranger = as_user(await a_user())
    for ask in ("~pritner", "~PRINTR", "is:open ~prnter offline"):
        assert await found(agent_client, ask) == await found(requester_client, ask) == ["Mine"], ask
        assert await found(stranger, ask) == []
    assert await found(agent_client, "pritner") == []
    assert await found(agent_client, "-~pritner") == ["Other"]
    assert await found(agent_client, "~cartrige") == ["Mine"]
    assert await found(requester_client, "~cartrige") == []
    tree = {"field": "text", "op": "matches", "value": "~pritner"}
    answer = await searched(agent_client, conditions=tree)
    assert [row["subject"] for row in answer["data"]] == ["Mine"]
    wrong = await agent_client.get("/v1/tickets", params={"query": "is:open ~x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["params"]["column"]) == (400, 9)
