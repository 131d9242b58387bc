"""Meaning beside words: vectors made by a job, compared under the caller's permissions, and never missed when gone."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from helpdesk_api.authorization.permissions import Permission, Role
from helpdesk_api.config import Settings
from helpdesk_api.database import clock
from helpdesk_api.database.ids import parse_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.domains.embeddings import jobs
from helpdesk_api.domains.embeddings.engine import use_embedder
from helpdesk_api.domains.embeddings.models import Embedding, EmbeddingTask
from helpdesk_api.domains.embeddings.rules import cosines, fuse, pack, sign_code, unit
from helpdesk_api.domains.suggestions.queries import look_for_words, suggest
from helpdesk_api.domains.suggestions.similar import understand
from helpdesk_api.integrations.embeddings.fake import FakeEmbedder
from helpdesk_api.jobs.tables import queue
from helpdesk_api.main import create_app
from helpdesk_api.outbox.models import EventRow
from tests.domains.knowledge.conftest import Editors, editors
from tests.domains.suggestions.test_suggestions import resolved, suggested, typed
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make, make_ticket, make_user, principal_of
from tests.fixtures.clients import AsUser, client_of, test_authenticator

__all__ = ["editors"]
MEANINGS = {"drucker": "printer", "streikt": "broken", "kaputt": "broken", "imprimante": "printer", "toner": "printer"}


@pytest.fixture
def model() -> Iterator[FakeEmbedder]:
    fake = FakeEmbedder(MEANINGS)
    use_embedder(fake)
    yield fake
    use_embedder(None)


async def index(database: Database) -> None:
    async with database.session() as session:
        await jobs.check(session, {})
        while await jobs.embed_batch(session, asked_before=clock.now()) is not None:
            pass


async def searched(client: httpx.AsyncClient, path: str, q: str) -> dict[str, Any]:
    reply = await client.get(path, params={"q": q})
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def test_what_means_the_same_is_found_without_a_common_word(
    editors: Editors, database: Database, model: FakeEmbedder
) -> None:
    before = await opened(editors.rita, subject="Drucker kaputt", description="Drucker streikt")
    await resolved(editors.anna, before, "Neu gestartet.")
    article = await editors.published(title="Printer broken", body="printer broken")
    await editors.draft(title="Imprimante kaputt", body="imprimante")
    now = await opened(editors.rita, subject="printer broken", description="broken printer")
    assert (await suggested(editors.anna, now))["engines"] == ["full_text"]
    use_embedder(model)
    await index(database)
    answer = await suggested(editors.anna, now)
    assert (answer["engines"], answer["model"]) == (["full_text", "embeddings"], "fake@1")
    (similar,) = answer["similar"]
    assert similar["ticket_id"] == before["id"]
    assert similar["evidence"]["words"] == []
    assert similar["evidence"]["similarity"] > 0.9
    assert answer["articles"][0]["evidence"]["similarity"] > 0.9
    portal = await typed(editors.rita, subject="imprimante streikt")
    assert [one["article_id"] for one in portal["articles"]] == [article["id"]]
    assert {one["ticket_id"] for one in portal["tickets"]} == {before["id"], now["id"]}
    listed = await searched(editors.rita, "/v1/articles", "imprimante streikt")
    assert ([one["id"] for one in listed["data"]], listed["engines"]) == ([article["id"]], ["full_text", "embeddings"])
    assert (await searched(editors.rita, "/v1/articles", '"imprimante streikt"'))["data"] == []
    everything = await searched(editors.rita, "/v1/search", "imprimante streikt")
    assert {one["id"] for one in everything["data"]} == {article["id"], before["id"], now["id"]}
    for by_the_letter in ('"imprimante streikt"', "imprimante -streikt"):
        nothing = await searched(editors.rita, "/v1/search", by_the_letter)
        assert (nothing["data"], nothing["engines"]) == ([], ["full_text"])
    assert (await searched(editors.ben, "/v1/search", "imprimante streikt"))["engines"] == ["full_text", "embeddings"]


async def test_however_much_there_is_a_suggestion_takes_six_statements(
    editors: Editors, database: Database, model: FakeEmbedder
) -> None:
    """How words are read, what has them among articles and among own tickets, what is near, tickets as they are shown,
    and articles with what is kept of it; the first question also looks whether there are vectors."""
    counts = []
    for size in (1, 20):
        for n in range(size):
            await editors.published(title=f"Printer broken {size} {n}", body="printer broken")
            await opened(editors.rita, subject=f"printer broken {size} {n}", description="broken printer")
        use_embedder(model)
        await index(database)
        answer = await typed(editors.rita, subject="printer broken")
        for suggestion_id in (None, answer["id"]):
            counted = StatementCount()
            token = statement_count.set(counted)
            found = await typed(editors.rita, subject="imprimante streikt printer", suggestion_id=suggestion_id)
            statement_count.reset(token)
            assert found["articles"]
            assert found["tickets"]
            counts.append(counted.value)
    assert max(counts) <= 6


@pytest.mark.parametrize("sees", [{Permission.ARTICLES_READ}, {Permission.TICKETS_READ}, set()])
async def test_who_types_by_a_key_is_shown_what_its_scopes_read(
    editors: Editors, database: Database, model: FakeEmbedder, sees: set[Permission]
) -> None:
    await editors.published(title="Printer broken", body="printer broken")
    user = await make_user(database)
    await make_ticket(database, by=user, subject="printer broken", description="broken printer")
    use_embedder(model)
    await index(database)
    principal = replace(await principal_of(database, user), permissions=frozenset(sees))
    # By meaning, and by words.
    for text in ("imprimante kaputt", "printer broken"):
        async with database.reads() as reads:
            asked = await understand(reads, text, is_typed=True)
            found = await suggest(reads, principal, asked, await look_for_words(reads, principal, asked))
        shown = bool(found.articles), bool(found.tickets)
        assert shown == (Permission.ARTICLES_READ in sees, Permission.TICKETS_READ in sees)


async def test_no_connection_waits_for_a_model(own_database: Database, settings: Settings) -> None:
    held: list[int] = []

    class Watching(FakeEmbedder):
        async def embed(self, texts: Sequence[str]) -> list[list[float]]:
            free = own_database._readers._places
            for _ in range(20_000):
                if free.qsize() == size:
                    break
                await asyncio.sleep(0)
            held.append(size - free.qsize() + own_database.engine.pool.checkedout())  # type: ignore[attr-defined]
            return await super().embed(texts)

    size = own_database._readers._places.qsize()
    use_embedder(FakeEmbedder(MEANINGS))
    await make_ticket(own_database, subject="printer broken")
    await index(own_database)
    app = create_app(settings, database=own_database)
    app.state.authenticator = test_authenticator
    client = client_of(app, f"test-{(await make_user(own_database)).id.hex}")
    use_embedder(Watching(MEANINGS))
    try:
        replies = [
            await client.post("/v1/suggestions", json={"subject": "toner"}, headers={"Idempotency-Key": "typed"})
            for _ in range(2)
        ]
        replies += [await client.get(f"/v1/{path}", params={"q": f"one {path}"}) for path in ("articles", "search")]
    finally:
        use_embedder(None)
    assert [reply.json()["engines"] for reply in replies] == [["full_text", "embeddings"]] * 4, replies[0].text
    assert (replies[1].headers["idempotency-replayed"], held) == ("true", [0, 0, 0])


@pytest.mark.parametrize("question", ["it is off again", "_", "(((((", "İ", "\x1f"])
async def test_what_only_meaning_finds_is_shown_without_marks(
    editors: Editors, database: Database, model: FakeEmbedder, question: str
) -> None:
    """None of these has a word that a language would look for."""
    texts = {f"{language} {question}": language for language in ("en", "ja", "tr")}
    for title, language in texts.items():
        await editors.published(title=title, summary="<b>", body=question, language=language)
    model.means_all_the_same = True
    await index(database)
    for path in ("/v1/articles", "/v1/search"):
        page = await searched(editors.rita, path, question)
        assert {one["title"] for one in page["data"] if one.get("type", "article") == "article"} <= set(texts)
        assert page["data"], page
    page = await searched(editors.rita, "/v1/articles", question)
    assert all("<b>" not in one["highlight"] for one in page["data"])


async def test_a_model_that_is_down_is_not_missed(editors: Editors, database: Database, model: FakeEmbedder) -> None:
    await editors.published(title="Printer broken", body="printer broken")
    await index(database)
    model.is_down = True
    ticket = await opened(editors.rita, subject="printer", description="broken")
    answer = await suggested(editors.anna, ticket)
    assert (answer["engines"], len(answer["articles"])) == (["full_text"], 1)
    assert (await typed(editors.rita, subject="printer"))["engines"] == ["full_text"]
    assert (await searched(editors.rita, "/v1/articles", "printer"))["engines"] == ["full_text"]
    model.asked.clear()
    assert (await searched(editors.rita, "/v1/search", "printer"))["engines"] == ["full_text"]
    assert model.asked == ["printer"], "nobody waits for it twice"
    await index(database)
    progress = (await editors.admin.get("/v1/embeddings")).json()
    tickets = next(kind for kind in progress["kinds"] if kind["kind"] == "ticket")
    assert (tickets["total_count"], tickets["embedded_count"], tickets["waiting_count"]) == (1, 0, 1)
    model.is_down = False
    await index(database)
    progress = (await editors.admin.get("/v1/embeddings")).json()
    assert [kind["embedded_count"] for kind in progress["kinds"]] == [1, 1]
    assert [kind["waiting_count"] for kind in progress["kinds"]] == [0, 0]


async def test_a_model_that_is_still_loading_is_not_waited_for(
    editors: Editors, database: Database, model: FakeEmbedder
) -> None:
    await editors.published(title="Printer broken", body="printer broken")
    await index(database)
    model.is_ready = False
    assert (await typed(editors.rita, subject="drucker"))["engines"] == ["full_text"]
    assert model.is_ready, "the question has begun to load it"
    assert (await typed(editors.rita, subject="drucker"))["engines"] == ["full_text", "embeddings"]


async def killed_after_a_batch(database: Database) -> None:
    async with database.session() as session:
        await jobs.embed_batch(session, asked_before=clock.now())
        message = "killed"
        raise RuntimeError(message)


async def test_two_workers_share_what_waits_and_a_killed_one_loses_nothing(
    own_database: Database, model: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 2)
    tickets = [await make_ticket(own_database, subject=f"printer {number}") for number in range(4)]
    async with own_database.session() as session:
        await jobs.check(session, {})
    with pytest.raises(RuntimeError, match="killed"):
        await killed_after_a_batch(own_database)
    model.asked.clear()
    async with own_database.session() as one, own_database.session() as other:
        for session in (one, other):
            await jobs.embed_batch(session, asked_before=clock.now())
    assert len(model.asked) == len(set(model.asked)) == len(tickets)
    async with own_database.reads() as reads:
        assert await reads.fetch_value(select(func.count()).select_from(Embedding)) == len(tickets)
        assert await reads.fetch_value(select(func.count()).select_from(EmbeddingTask)) == 0


async def test_a_text_that_is_refused_is_set_aside_and_the_rest_goes_on(
    editors: Editors, database: Database, model: FakeEmbedder
) -> None:
    good = [await opened(editors.rita, subject=f"printer {number}") for number in range(5)]
    bad = await opened(editors.rita, subject="poison printer")
    model.refused = {"poison"}
    now = clock.now()
    for hours, waiting, aside in ((0, 1, 0), (1, 1, 0), (4, 0, 1), (40, 0, 1)):
        with clock.frozen(now + timedelta(hours=hours)):
            await index(database)
            kinds = (await editors.admin.get("/v1/embeddings")).json()["kinds"]
        tickets = next(kind for kind in kinds if kind["kind"] == "ticket")
        counts = (tickets["embedded_count"], tickets["waiting_count"], tickets["set_aside_count"])
        assert counts == (len(good), waiting, aside)
    assert (await editors.rita.patch(f"/v1/tickets/{bad['id']}", json={"subject": "printer"})).status_code == 200
    async with database.session() as session:
        changed = select(EventRow).where(EventRow.type == "ticket.updated")
        event = (await session.scalars(changed.where(EventRow.subject_id == parse_id("tkt", bad["id"])))).one()
        event.sequence = 1_000_000
        await session.flush()
        await jobs.follow(session, [(event.sequence, event.subject_id, event.type)])
    await index(database)
    kinds = (await editors.admin.get("/v1/embeddings")).json()["kinds"]
    assert [(kind["embedded_count"], kind["set_aside_count"]) for kind in kinds] == [(0, 0), (len(good) + 1, 0)]


async def test_who_refuses_everything_has_nothing_set_aside(
    editors: Editors, database: Database, model: FakeEmbedder
) -> None:
    """A wrong name of the model, say: it is no text's fault."""
    await opened(editors.rita, subject="printer")
    model.refused = {"printer"}
    now = clock.now()
    for hours in (0, 1, 4, 40):
        with clock.frozen(now + timedelta(hours=hours)):
            await index(database)
    kinds = (await editors.admin.get("/v1/embeddings")).json()["kinds"]
    assert [(kind["waiting_count"], kind["set_aside_count"]) for kind in kinds] == [(0, 0), (1, 0)]
    model.refused = set()
    await index(database)
    kinds = (await editors.admin.get("/v1/embeddings")).json()["kinds"]
    assert [kind["embedded_count"] for kind in kinds] == [0, 1]


async def test_what_another_model_refused_is_offered_anew(
    editors: Editors, database: Database, model: FakeEmbedder
) -> None:
    await opened(editors.rita, subject="poison")
    model.refused = {"poison"}
    now = clock.now()
    for hours in (0, 1, 4):
        with clock.frozen(now + timedelta(hours=hours)):
            await index(database)
    use_embedder(FakeEmbedder(MEANINGS, name="fake@2"))
    with clock.frozen(now + timedelta(hours=5)):
        await index(database)
        kinds = (await editors.admin.get("/v1/embeddings")).json()["kinds"]
    assert [(kind["embedded_count"], kind["set_aside_count"]) for kind in kinds] == [(0, 0), (1, 0)]


async def test_another_model_means_other_vectors(editors: Editors, database: Database, model: FakeEmbedder) -> None:
    article = await editors.published(title="Printer broken", body="printer broken")
    await index(database)
    use_embedder(FakeEmbedder(MEANINGS, name="fake@2"))
    assert (await typed(editors.rita, subject="drucker"))["engines"] == ["full_text"]
    progress = (await editors.admin.get("/v1/embeddings")).json()
    assert (progress["model"], progress["kinds"][0]["outdated_count"]) == ("fake@2", 1)
    await index(database)
    use_embedder(FakeEmbedder(MEANINGS, name="fake@2"))
    answer = await typed(editors.rita, subject="drucker kaputt")
    assert (answer["model"], answer["articles"][0]["article_id"]) == ("fake@2", article["id"])
    assert (await editors.olga.post(f"/v1/articles/{article['id']}/archive", json={})).status_code == 200
    assert (await typed(editors.rita, subject="drucker kaputt"))["articles"] == []


async def test_vectors_of_another_length_are_made_anew(
    editors: Editors, database: Database, model: FakeEmbedder
) -> None:
    article = await editors.published(title="Printer broken", body="printer broken")
    await index(database)
    use_embedder(FakeEmbedder(MEANINGS, dimensions=96))
    assert (await typed(editors.rita, subject="drucker kaputt"))["articles"] == []
    await editors.published(title="Something new", body="written since")
    for _ in range(2):
        await index(database)
    answer = await typed(editors.rita, subject="drucker kaputt")
    assert [one["article_id"] for one in answer["articles"]] == [article["id"]]
    async with database.session() as session:
        lengths = (await session.scalars(select(func.length(Embedding.code)))).all()
    assert lengths == [96, 96]


async def test_batches_go_on_where_they_stopped(
    editors: Editors, database: Database, model: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 2)
    for number in range(3):
        await opened(editors.rita, subject=f"printer {number}", description="broken")
    async with database.session() as session:
        await jobs.check(session, {})
        await jobs.run(session, {})
        assert model.asked == [], "what was just written is often written again"
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        async with database.session() as session:
            await jobs.run(session, {})
            assert len(model.asked) == 2
            names = (await session.scalars(queue.select().with_only_columns(queue.c.entrypoint))).all()
            assert names.count(jobs.RUN) == jobs.ROWS
            await jobs.run(session, {"row": 0, "turn": 0})
    assert len(set(model.asked)) == 3
    assert model.asked[0].startswith("printer")


async def test_nothing_that_the_caller_may_not_read(
    editors: Editors, database: Database, model: FakeEmbedder, a_user: Make, a_team: Make, as_user: AsUser
) -> None:
    """Every role against every ticket and article: what is suggested is in the caller's own list."""
    team = await a_team(auto_assign=False)
    callers = [editors.anna, editors.ben, editors.rita, editors.admin]
    callers += [as_user(await a_user(role=role, teams=[team])) for role in Role if role is not Role.REQUESTER]
    callers += [as_user(await a_user())]
    for number, caller in enumerate(callers):
        one = await opened(caller, subject="printer broken", description="toner")
        if number % 2:
            path, target = f"/v1/tickets/{one['id']}/assignments", team.id if number % 4 == 1 else editors.team.id
            assert (await editors.admin.post(path, json={"team_id": f"tea_{target.hex}"})).status_code == 201
        if number % 3 == 0:
            await resolved(editors.admin, one, "New toner.")
    for audience in ("public", "requesters", "agents", "teams"):
        teams = {"team_ids": [editors.team_id]} if audience == "teams" else {}
        await editors.published(title="printer broken", audience=audience, **teams)
        await editors.draft(title="printer broken", audience=audience, **teams)
    await index(database)
    seen, differ = set(), set()
    for caller in callers:
        tickets = {one["id"]: one for one in (await caller.get("/v1/tickets?limit=200")).json()["data"]}
        articles = {one["id"] for one in (await caller.get("/v1/articles?limit=200")).json()["data"]}
        answer = await typed(caller, subject="drucker", description="kaputt printer")
        shown = [answer]
        for everything in (await editors.admin.get("/v1/tickets?limit=200")).json()["data"]:
            reply = await caller.get(f"/v1/tickets/{everything['id']}/suggestions")
            assert reply.status_code in ({200, 403} if everything["id"] in tickets else {404})
            if reply.status_code == 200:
                shown.append(reply.json())
        found = await searched(caller, "/v1/search", "drucker kaputt")
        assert found["engines"] == ["full_text", "embeddings"]
        ids = {one["id"] for one in found["data"] if one["type"] != "user"}
        for one in shown:
            ids |= {row["article_id"] for row in one["articles"]}
            for name in ("tickets", "similar", "duplicates"):
                ids |= {row["ticket_id"] for row in one.get(name, [])}
            ids |= set((one.get("incident") or {}).get("ticket_ids", []))
        assert ids <= tickets.keys() | articles
        seen |= ids
        differ.add(frozenset(ids))
    assert len(differ) > 3, "everybody's share differs, or this would prove little"


def test_vectors_survive_being_packed() -> None:
    one, other = [0.5, -0.25, 0.125, 0.0], [0.1, 0.4, -0.2, 0.9]
    assert sign_code(one) == "1010"
    exact = sum(a * b for a, b in zip(unit(one), unit(other), strict=True))
    others = [pack(one), pack([-value for value in one]), pack(other), pack([0.0] * 4)]
    assert cosines(unit(one), others) == pytest.approx([1.0, -1.0, exact, 0.0], abs=0.01)
    assert cosines(unit([0.0] * 4), others) == [0.0] * 4
    assert [found for found, _ in fuse([[("a", 1.0), ("b", 1.0)], [("b", 1.0), ("c", 1.0)]])] == ["b", "a", "c"]
    assert fuse([[("a", 1.0)], [("a", 0.5)]]) == [("a", 1.0)]
    assert fuse([[], []]) == []
