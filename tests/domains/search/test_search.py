"""One question to everything, each kind under its own permissions."""

from datetime import timedelta
from typing import Any

import httpx

from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.knowledge import tally
from helpdesk_api.domains.search.rules import fuse
from helpdesk_api.domains.tickets import words
from tests.domains.knowledge.conftest import Editors, editors
from tests.domains.tickets.test_search import opened

__all__ = ["editors"]


async def found(client: httpx.AsyncClient, q: str, **more: str) -> set[tuple[str, str]]:
    reply = await client.get("/v1/search", params={"q": q, **more})
    assert reply.status_code == 200, reply.text
    scores = [one["score"] for one in reply.json()["data"]]
    assert scores == sorted(scores, reverse=True)
    return {(one["type"], one["title"]) for one in reply.json()["data"]}


async def test_each_kind_under_its_own_permissions(editors: Editors) -> None:
    await editors.published(title="Ritalin cabinet", audience="agents")
    await editors.published(title="Rita's guide")
    await opened(editors.rita, subject="Rita cannot print")
    await opened(editors.admin, subject="Rita is leaving")
    everything = {
        ("article", "Rita's guide"),
        ("ticket", "Rita cannot print"),
        ("ticket", "Rita is leaving"),
        ("user", "Rita"),
    }
    assert await found(editors.admin, "rita") == everything
    assert await found(editors.rita, "rita") == everything - {("ticket", "Rita is leaving")}
    assert await found(editors.rita, "Anna") == set()
    assert await found(editors.ben, "ana") == {("user", "Anna")}
    assert await found(editors.ben, "anna@exa") == {("user", "Anna")}
    assert await found(editors.admin, "rita", types="article") == {("article", "Rita's guide")}
    assert len(await found(editors.admin, "rita", limit="2")) == 2
    assert await found(editors.rita, "ritalin", types="article,ticket") == set()
    assert await found(editors.ben, "cabinet") == {("article", "Ritalin cabinet")}


async def test_it_escapes_and_suggests(editors: Editors) -> None:
    await editors.published(title="Bluetooth")
    await opened(editors.rita, subject="Tag", description="<b>alert</b> now")
    reply = await editors.rita.get("/v1/search", params={"q": "alert"})
    (hit,) = reply.json()["data"]
    assert hit["excerpt"] == "<mark>alert</mark>"
    assert (await editors.rita.get("/v1/search", params={"q": "tag"})).json()["data"][0]["excerpt"] == (
        "&lt;b&gt;alert&lt;/b&gt; now"
    )
    reply = await editors.rita.get("/v1/search", params={"q": "blutooth"})
    assert reply.json()["suggestion"] == "bluetooth"
    for wrong in ({}, {"q": " "}, {"q": "a", "types": "asset"}, {"q": "a", "limit": "51"}, {"q": "a\x00"}):
        assert (await editors.rita.get("/v1/search", params=wrong)).status_code == 422


async def test_it_suggests_what_tickets_say_where_no_article_does(editors: Editors, database: Database) -> None:
    await opened(editors.rita, subject="Plotter broken", description="Again.")
    await opened(editors.admin, subject="Zanzibar merger", description="Of the board.")
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        async with database.session() as session:
            await words.learn(session, {})

    async def suggestion(client: httpx.AsyncClient, q: str, **more: str) -> str | None:
        reply = await client.get("/v1/search", params={"q": q, **more})
        said: str | None = reply.json()["suggestion"]
        return said

    assert await suggestion(editors.rita, "Ploter brokn") == "plotter broken"
    assert await suggestion(editors.rita, "ploter", types="article") is None
    assert await suggestion(editors.admin, "zanzibr") == "zanzibar"
    assert await suggestion(editors.rita, "zanzibr") is None
    # What an article or a name has is no slip.
    await editors.published(title="Ploter")
    assert await suggestion(editors.rita, "ploter") is None
    assert await suggestion(editors.ben, "anna") is None


async def test_what_no_article_answers_is_counted(editors: Editors) -> None:
    await editors.published(title="Toner")
    tally._misses.clear()
    await opened(editors.rita, subject="Plotter", description="Again.")
    questions = (
        ("toner", "article"),
        ("Fax", "article,ticket"),
        ("fax", ""),
        ("gizmo", "ticket,user"),
        ("plotter", ""),
    )
    for question, types in (*questions, ("Rita", "")):
        await found(editors.rita, question, **({"types": types} if types else {}))
    assert dict(tally._misses) == {"fax": 2}
    tally._misses.clear()


async def test_a_device_is_found_by_its_words_in_the_ticket_that_names_it(editors: Editors) -> None:
    """There are no records of devices: what people call them stands in their tickets."""
    named = await opened(editors.rita, subject="Paper jam", description="Again.", affected_service="Kyocera <M-2540>")
    await opened(editors.admin, subject="Not hers", affected_service="Kyocera in the cellar")
    said = await opened(editors.rita, subject="Kyocera", description="The big one.")
    reply = await editors.rita.get("/v1/search", params={"q": "kyocera"})
    hits = {one["id"]: (one["title"], one["excerpt"]) for one in reply.json()["data"]}
    assert hits == {
        named["id"]: ("Paper jam", "<mark>Kyocera</mark> &lt;M-2540&gt;"),
        said["id"]: ("Kyocera", "The big one."),
    }


def test_places_are_fused() -> None:
    lists: list[list[Any]] = [["a", "b", "c"], ["x"], []]
    assert [item for _, item in fuse(lists)] == ["a", "x", "b", "c"]
