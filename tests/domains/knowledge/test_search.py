"""Searching articles: in every language, within what the caller may read, with slips of the pen."""

from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.knowledge import ranking, search, tally
from helpdesk_api.domains.knowledge.tally import count_miss
from helpdesk_api.domains.users import naming
from helpdesk_api.domains.users.models import UserKind
from tests.domains.knowledge.conftest import Editors, at, done
from tests.factories.records import Make


async def asked(client: httpx.AsyncClient, q: str, **more: str) -> dict[str, Any]:
    reply = await client.get("/v1/articles", params={"q": q, **more})
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


def titles(page: dict[str, Any]) -> list[str]:
    return [one["title"] for one in page["data"]]


async def test_each_language_has_its_own_words(editors: Editors) -> None:
    await editors.published(title="Printing on both sides", body="Choose *duplex*.")
    await editors.published(title="Drucker einrichten", body="Die Häuser haben Netzwerkdrucker.", language="de")
    await editors.published(title="プリンターの設定", body="印刷画面を開きます。", language="ja")
    for question, title in (
        ("how do I print", "Printing on both sides"),
        ("Haus", "Drucker einrichten"),
        ("印刷", "プリンターの設定"),
    ):
        page = await asked(editors.rita, question)
        assert titles(page) == [title]
        assert "<mark>" in page["data"][0]["highlight"]
        assert page["data"][0]["score"] > 0


async def test_titles_weigh_more_and_rare_words_too(editors: Editors) -> None:
    await editors.published(title="Other", body="The scanner is beside the printer, which prints. " * 2)
    await editors.published(title="The scanner", body="It reads paper.")
    await editors.published(title="Paper", body="Paper comes in reams.")
    assert titles(await asked(editors.rita, "scanner"))[0] == "The scanner"
    assert titles(await asked(editors.rita, "paper reams"))[0] == "Paper"
    assert titles(await asked(editors.rita, "scanner -printer")) == ["The scanner"]
    assert titles(await asked(editors.rita, '"reads paper"')) == ["The scanner"]


async def test_nobody_finds_what_they_may_not_read(editors: Editors) -> None:
    secret = await editors.published(title="Zanzibar codeword", audience="agents")
    for question in ("zanzibar", "zanzibr", "codewrd"):
        page = await asked(editors.rita, question)
        assert (page["data"], page["suggestion"], page["total"]) == ([], None, None)
    assert titles(await asked(editors.ben, "zanzibar")) == [secret["title"]]
    team = await editors.published(title="Quagmire", audience="teams", team_ids=[editors.team_id])
    assert titles(await asked(editors.ben, "quagmire")) == []
    assert titles(await asked(editors.anna, "quagmire")) == [team["title"]]
    # A new text is found by its words when it is published, and the old one by its own until then.
    await editors.anna.patch(at(secret), json={"title": "Madagascar"})
    assert titles(await asked(editors.ben, "madagascar")) == []
    await done(editors.olga, secret, "publish")
    assert titles(await asked(editors.ben, "madagascar")) == ["Madagascar"]
    assert titles(await asked(editors.ben, "zanzibar")) == []
    await done(editors.olga, secret, "archive")
    assert titles(await asked(editors.ben, "madagascar")) == []


async def test_did_you_mean(editors: Editors) -> None:
    await editors.published(title="Bluetooth headset", body="Pair it with the laptop.")
    page = await asked(editors.rita, "Blutooth hedset")
    assert (page["suggestion"], page["is_corrected"]) == ("bluetooth headset", True)
    assert titles(page) == ["Bluetooth headset"]
    page = await asked(editors.rita, "pair hedset")
    assert (page["suggestion"], page["is_corrected"]) == ("pair headset", False)
    assert (await asked(editors.rita, "headsets"))["suggestion"] is None
    await editors.published(title="The printer is slow")
    for question, suggestion in (
        ("printr PRİNTR", "printer PRİNTR"),
        ("printr prıntr", "printer prıntr"),
        ("hedset hedſet", "headset hedſet"),
    ):
        assert (await asked(editors.rita, question))["suggestion"] == suggestion


async def test_a_letter_too_few_or_too_many_at_the_end_is_a_slip(editors: Editors) -> None:
    await editors.published(title="Bluetooth headset", body="Pair it with the laptop.")
    await editors.published(title="Zanzibar", body="Quokkas", audience="agents")
    for question in ("bluetoot", "bluetoothh"):
        page = await asked(editors.rita, question)
        assert (titles(page), page["suggestion"], page["is_corrected"]) == (["Bluetooth headset"], "bluetooth", True)
    assert (await asked(editors.rita, "zanziba"))["suggestion"] is None


async def test_all_of_a_word_without_spaces_is_marked(editors: Editors) -> None:
    await editors.published(title="パスワードの変更", body="設定画面で変更します。", language="ja")
    (hit,) = (await asked(editors.rita, "パスワード"))["data"]
    assert hit["highlight"] == "<mark>パスワード</mark>の変更 — 設定画面で変更します。"
    (hit,) = (await asked(editors.rita, "設定 変更"))["data"]
    assert hit["highlight"] == "パスワードの<mark>変更</mark> — <mark>設定</mark>画面で<mark>変更</mark>します。"


async def test_what_is_shown_of_a_hit_is_harmless(editors: Editors) -> None:
    await editors.published(
        title="Script <script>alert(1)</script>", body="A \x02script\x03 <img src=x onerror=alert(1)>"
    )
    (hit,) = (await asked(editors.rita, "script"))["data"]
    assert "<script" not in hit["highlight"]
    assert "<img" not in hit["highlight"]
    assert hit["highlight"].count("<mark>") == hit["highlight"].count("</mark>") > 0
    assert "\x02" not in hit["highlight"]


@pytest.mark.parametrize("piece", ["https://files.example.test/" + "a1b2" * 100 + "?X-Signature", '<"' * 200 + "toner"])
async def test_what_is_shown_of_long_words_is_cut(editors: Editors, piece: str) -> None:
    await editors.published(title="Toner", body=f"{piece} " * 8)
    for path in ("/v1/articles", "/v1/search"):
        reply = await editors.rita.get(path, params={"q": "toner"})
        assert reply.status_code == 200, reply.text
        (hit,) = reply.json()["data"]
        shown = hit["highlight"] if path == "/v1/articles" else hit["excerpt"]
        assert len(shown) <= 2_000
        assert shown.count("<mark>") == shown.count("</mark>") > 0


async def test_pages_of_hits(editors: Editors, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {(await editors.published(title=f"Toner {number}"))["id"] for number in range(5)}
    found: list[str] = []
    cursor = None
    while True:
        page = await asked(
            editors.rita, "toner", limit="2", include_total="true", **({"cursor": cursor} if cursor else {})
        )
        assert page["total"] == 5
        found += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert (len(found), set(found)) == (5, made)
    foreign = await editors.rita.get("/v1/articles", params={"q": "paper", "cursor": page["prev_cursor"]})
    assert (foreign.status_code, foreign.json()["code"]) == (400, "invalid_cursor")
    both = await editors.rita.get("/v1/articles", params={"q": "toner", "sort": "title"})
    assert (both.status_code, both.json()["code"], both.json()["errors"][0]["parameter"]) == (
        422,
        "sort_not_with_q",
        "sort",
    )
    assert (await asked(editors.rita, "toner", include_total="true"))["total_is_exact"] is True
    monkeypatch.setattr(search, "rank", partial(ranking.rank, limit=3))
    monkeypatch.setattr(search, "MAX_CANDIDATES", 3)
    page = await asked(editors.rita, "toner", include_total="true")
    assert (page["total"], page["total_is_exact"]) == (3, False)


@pytest.mark.parametrize(
    "question",
    [
        "'",
        '"',
        "a'b \\ | & ! ( ) :* <->",
        "-",
        "-toner",
        "toner " + "-" * 40 + "x",
        "toner " + '-"' * 100 + "x",
        "http://example.test/a?b&c='d\\",
        "שלום עולם",
        "\u202eabc",
        "%",
    ],
)
async def test_any_text_is_a_question(editors: Editors, question: str) -> None:
    await editors.published(title="Toner")
    assert isinstance((await asked(editors.rita, question))["data"], list)


async def test_authors_learn_what_was_not_found(editors: Editors, database: Database) -> None:
    await editors.published(title="Toner")
    tally._misses.clear()
    for question in ("Fax machine", "machine fax", "fax machine rita@example.test 4711234", "toner", "gizmo"):
        await asked(editors.rita, question)
    for filters in ({"tag": "none"}, {"language": "tr"}, {"category_id": editors.category_id}):
        await asked(editors.rita, "gizmo" if "category_id" in filters else "toner", **filters)
    # A HEAD asks for no answer.
    assert (await editors.rita.head("/v1/articles", params={"q": "fax machine"})).status_code == 200
    await tally.flush(database)
    page = (await editors.anna.get("/v1/articles/search-misses")).json()["data"]
    assert [(one["words"], one["miss_count"]) for one in page] == [("fax machine", 3)]
    every = (await editors.anna.get("/v1/articles/search-misses", params={"min_count": "1"})).json()["data"]
    assert [one["words"] for one in every] == ["fax machine", "gizmo"]
    assert (await editors.rita.get("/v1/articles/search-misses")).json()["required_scope"] == "articles:write"


@pytest.mark.parametrize(
    ("question", "counted"),
    [
        ("Lindqvist", {}),
        ("mara lindqvist", {}),
        ("Lindqvist, Mara", {}),
        ("mara lindqist", {}),
        ("phone of Mara Lindqvist please", {}),
        ("fax", {"fax": 1}),
        ("Post", {}),
        ("post office", {"office post": 1}),
        ("postcard", {"postcard": 1}),
        ("Watcher", {"watcher": 1}),
    ],
)
async def test_names_of_people_are_no_misses_whoever_asks(
    editors: Editors, a_user: Make, question: str, counted: dict[str, int]
) -> None:
    await a_user(name="Mara Lindqvist")
    await a_user(name="Emil Post", deactivated_at=clock.now())
    await a_user(name="Watcher", kind=UserKind.SERVICE, email=None)
    tally._misses.clear()
    await asked(editors.rita, question)
    assert dict(tally._misses) == counted
    tally._misses.clear()
    for types in ("article", "article,ticket,user"):
        await editors.rita.get("/v1/search", params={"q": question, "types": types})
        assert dict(tally._misses) == counted
        tally._misses.clear()


async def test_an_index_answers_whether_somebody_is_named(database: Database) -> None:
    read = naming._NAMES_SOMEBODY
    async with database.session() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        connection: Any = await (await session.connection()).get_raw_connection()
        arguments = read.arguments({"text": "mara", "parts": ["mara lindqvist"]})
        rows = await connection.driver_connection.fetch(f"EXPLAIN {read.sql}", *arguments)
    plan = "".join(row[0] for row in rows)
    assert "ix_users_name_trigrams" in plan
    assert "ix_users_lower_name" in plan


async def test_misses_keep_no_persons(database: Database) -> None:
    async with database.reads() as reads:
        await count_miss(reads, "call 0171 234567 or bob@example.test")
    assert not [words for words in tally._misses if "@" in words or "234567" in words]
    tally._misses.clear()


async def test_what_was_asked_least_makes_room(
    editors: Editors, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "MAX_KEPT", 2)
    tally._misses.clear()
    moment = clock.now()
    for second, asked_for in enumerate(("plotter", "plotter", "fax", "telex", "modem")):
        await asked(editors.rita, asked_for)
        with clock.frozen(moment + timedelta(seconds=second)):
            await tally.flush(database)
    kept = (await editors.anna.get("/v1/articles/search-misses", params={"min_count": 1})).json()["data"]
    assert [(one["words"], one["miss_count"]) for one in kept] == [("plotter", 2), ("modem", 1)]
