"""Searching: by query, by conditions, in full text, and never beyond what the caller may see."""

import html
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.database.statistics import Statistic
from helpdesk_api.domains.tickets import full_text
from tests.domains.attachments.files import uploaded
from tests.factories.records import Make, make_ticket
from tests.fixtures.clients import AsUser

NEW = {"subject": "VPN drops", "description": "Every five minutes.", "impact": "medium", "urgency": "medium"}


async def opened(client: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    reply = await client.post("/v1/tickets", json={**NEW, **fields})
    assert reply.status_code == 201, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def found(client: httpx.AsyncClient, query: str) -> list[str]:
    reply = await client.get("/v1/tickets", params={"query": query})
    assert reply.status_code == 200, reply.text
    return sorted(ticket["subject"] for ticket in reply.json()["data"])


async def searched(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    reply = await client.post("/v1/tickets/search", json=body)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def held(value: Any) -> Statistic[Any]:
    """As if this had been read."""

    async def read(reads: ReadSession) -> Any:
        return value

    return Statistic(read, value)


@pytest.fixture(params=[False, True], ids=["by index", "along the list"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms of the same question."""
    shares = dict.fromkeys(("drops", "vpn", "toner", "cartridge", "keyword"), 0.5) if request.param else {}
    monkeypatch.setattr(full_text, "_frequencies", held(shares))


async def walked(client: httpx.AsyncClient, **asked: str) -> list[str]:
    """The subjects in the list's order, read page by page to the end; on the way back they are the same."""
    page = (await client.get("/v1/tickets", params={**asked, "limit": "2"})).json()
    pages = [page["data"]]
    while page["next_cursor"] is not None:
        page = (await client.get("/v1/tickets", params={**asked, "limit": "2", "cursor": page["next_cursor"]})).json()
        pages.append(page["data"])
    for before in reversed(pages[:-1]):
        page = (await client.get("/v1/tickets", params={**asked, "limit": "2", "cursor": page["prev_cursor"]})).json()
        assert page["data"] == before
    return [ticket["subject"] for page in pages for ticket in page]


@pytest.mark.usefixtures("form")
async def test_matches_come_in_the_order_of_their_tickets_wherever_they_lie(
    database: Database, requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient
) -> None:
    tickets = [await opened(requester_client, subject=f"Toner {n}" if n % 2 else f"Printer {n}") for n in range(7)]
    await opened(requester_client, subject="Scanner")
    for n in (4, 1, 0, 4, 6, 2):
        said = {"body": f"No toner left on floor {n}."}
        assert (await admin_client.post(f"/v1/tickets/{tickets[n]['id']}/comments", json=said)).status_code == 201
    # What an earlier release wrote knows nothing of its ticket's time.
    async with database.session() as session:
        forgot = "UPDATE comments SET ticket_created_at = NULL WHERE body LIKE '%floor 4%' OR body LIKE '%floor 0%'"
        await session.execute(sa.text(forgot))
    newest_first = [ticket["subject"] for ticket in reversed(tickets)]
    assert await walked(requester_client, q="toner") == newest_first
    assert await walked(admin_client, query="toner", sort="created_at") == newest_first[::-1]
    on_floors = [tickets[n]["subject"] for n in (6, 4, 2, 1, 0)]
    assert await walked(admin_client, query='is:open "toner"', q="floor") == on_floors
    merged = await admin_client.post(f"/v1/tickets/{tickets[6]['id']}/merge", json={"into": tickets[3]["id"]})
    assert merged.status_code < 300, merged.text
    # What was said there is found here, once, and where this one stands.
    assert await walked(admin_client, q="floor") == [tickets[n]["subject"] for n in (4, 3, 2, 1, 0)]


@pytest.mark.usefixtures("form")
async def test_full_text_reaches_comments_that_the_caller_may_read(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
) -> None:
    ticket = await opened(requester_client, subject="Printer")
    await opened(requester_client, subject="Scanner")
    path = f"/v1/tickets/{ticket['id']}/comments"
    assert (await agent_client.post(path, json={"body": "New toner is on its way."})).status_code == 201
    internal = {"body": "The cartridge was stolen.", "visibility": "internal"}
    assert (await agent_client.post(path, json=internal)).status_code == 201
    stranger = as_user(await a_user())
    for ask in ("toner", "TONER", '"new toner"', "toner -scanner"):
        assert await found(requester_client, ask) == await found(agent_client, ask) == ["Printer"], ask
        assert await found(stranger, ask) == []
        assert [row["subject"] for row in (await searched(requester_client, query=ask))["data"]] == ["Printer"]
    assert await found(agent_client, "cartridge") == ["Printer"]
    assert await found(requester_client, "cartridge") == await found(stranger, "cartridge") == []
    listed = await agent_client.get("/v1/tickets", params={"q": "cartridge", "include_total": "true", "counts": "true"})
    assert (listed.json()["total"], listed.json()["counts"]["status"]) == (1, {"open": 1})
    assert (await requester_client.get("/v1/tickets", params={"q": "cartridge"})).json()["data"] == []


async def test_a_staff_member_who_only_asked_does_not_search_the_internal_side(
    a_user: Make, as_user: AsUser, a_team: Make, admin_client: httpx.AsyncClient
) -> None:
    team = await a_team()
    asking = as_user(await a_user(role=Role.AGENT))
    ticket = await opened(asking, subject="My laptop")
    assigned = await admin_client.post(
        f"/v1/tickets/{ticket['id']}/assignments", json={"team_id": f"tea_{team.id.hex}"}
    )
    assert assigned.status_code == 201, assigned.text
    comment = {"body": "He keeps losing the keyword.", "visibility": "internal"}
    assert (await admin_client.post(f"/v1/tickets/{ticket['id']}/comments", json=comment)).status_code == 201
    assert await found(asking, "keyword") == []
    assert await found(asking, "laptop") == ["My laptop"]
    assert await found(admin_client, "keyword") == ["My laptop"]


async def test_a_search_reads_what_was_just_written(requester_client: httpx.AsyncClient) -> None:
    ticket = await opened(requester_client, subject="Before")
    assert await found(requester_client, "before") == ["Before"]
    renamed = await requester_client.patch(f"/v1/tickets/{ticket['id']}", json={"subject": "After"})
    assert renamed.status_code == 200, renamed.text
    assert (await found(requester_client, "before"), await found(requester_client, "after")) == ([], ["After"])


async def test_the_words_of_the_query(
    requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
) -> None:
    await opened(requester_client, subject="Urgent", impact="high", urgency="high")
    await opened(requester_client, subject="Calm", impact="low", urgency="low")
    await opened(as_user(await a_user()), subject="Not mine", impact="low", urgency="low")
    assert await found(requester_client, "is:open") == ["Calm", "Urgent"]
    assert await found(requester_client, "priority:>=high") == ["Urgent"]
    assert await found(requester_client, "-priority:>=high created:>-1d") == ["Calm"]
    assert await found(requester_client, "created:<-1d") == []
    assert await found(agent_client, "is:open") == ["Calm", "Not mine", "Urgent"]
    assert await found(agent_client, "is:unassigned OR is:assigned") == ["Calm", "Not mine", "Urgent"]
    assert await found(agent_client, "requester:me") == []
    assert await found(requester_client, "requester:me subject:ca") == ["Calm"]
    assert await found(agent_client, "is:watched") == []
    watched = (await agent_client.get("/v1/tickets", params={"query": "subject:calm"})).json()["data"][0]
    me = (await agent_client.get("/v1/me")).json()["id"]
    assert (await agent_client.put(f"/v1/tickets/{watched['id']}/watchers/{me}")).status_code == 204
    assert await found(agent_client, "is:watched") == ["Calm"]


async def test_conditions_and_query_narrow_each_other_and_pages_go_on(requester_client: httpx.AsyncClient) -> None:
    for number in range(5):
        await opened(requester_client, subject=f"Number {number}")
    body: dict[str, Any] = {
        "conditions": {"all": [{"field": "requester_id", "op": "eq", "value": "me"}]},
        "query": "-subject:3",
        "sort": "number",
        "limit": 2,
        "include": ["requester", "requester"],
        "counts": True,
        "include_total": True,
    }
    first = await searched(requester_client, **body)
    assert [row["subject"] for row in first["data"]] == ["Number 0", "Number 1"]
    assert (first["total"], first["counts"]["status"], len(first["included"]["users"])) == (4, {"open": 4}, 1)
    second = await searched(requester_client, **body, cursor=first["next_cursor"])
    assert [row["subject"] for row in second["data"]] == ["Number 2", "Number 4"]
    assert second["next_cursor"] is None
    other = await requester_client.post("/v1/tickets/search", json={"cursor": first["next_cursor"]})
    assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor")
    assert [error.get("pointer") for error in other.json()["errors"]] == ["#/cursor"]
    unsorted = await requester_client.post("/v1/tickets/search", json={"sort": "relevance"})
    assert (unsorted.status_code, unsorted.json()["code"]) == (422, "relevance_needs_text")
    assert [error.get("pointer") for error in unsorted.json()["errors"]] == ["#/sort"]


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"query": "colour:red"}, "invalid_query", "#/query"),
        ({"conditions": {"field": "colour", "op": "eq", "value": 1}}, "invalid_conditions", "#/conditions/field"),
        ({"conditions": {"field": "text", "op": "eq", "value": "a"}}, "invalid_conditions", "#/conditions/op"),
        ({"limit": 0}, "validation_failed", "#/limit"),
        ({"sort": "colour"}, "validation_failed", "#/sort"),
        ({"query": "a" * 10_000}, "validation_failed", "#/query"),
        ({"include": ["money"]}, "validation_failed", "#/include/0"),
    ],
)
async def test_what_cannot_be_asked(
    requester_client: httpx.AsyncClient, body: dict[str, Any], code: str, pointer: str
) -> None:
    reply = await requester_client.post("/v1/tickets/search", json=body)
    assert reply.status_code in {400, 422}
    assert (reply.json()["code"], reply.json()["errors"][0]["pointer"]) == (code, pointer)


async def test_a_mistake_in_the_address_names_the_parameter_and_the_column(
    requester_client: httpx.AsyncClient,
) -> None:
    reply = await requester_client.get("/v1/tickets", params={"query": "vpn colour:red"})
    problem = reply.json()
    assert (reply.status_code, problem["code"]) == (400, "invalid_query")
    (error,) = problem["errors"]
    assert (error["parameter"], error["params"]) == ("query", {"column": 5})
    long = await requester_client.get("/v1/tickets", params={"query": "a" * 10_000})
    assert (long.status_code, long.json()["code"]) == (422, "validation_failed")


async def test_postgresql_tells_which_words_are_common(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for subject in ("Toner", "Toner", "Printer", "Printer"):
        await make_ticket(own_database, subject=subject, description="It streaks.")
    async with own_database.session() as session:
        await session.execute(sa.text("ANALYZE tickets, comments, articles"))
    async with own_database.reads() as reads:
        found = await full_text._read_frequencies(reads)
    assert (found["toner"], found["streaks"]) == (0.5, 1.0)
    monkeypatch.setattr(full_text, "_frequencies", held({"vpn": 0.4, "drops": 0.3, "ink": 0.03, "toner": 0.001}))
    words = ("VPN drops", "vpn toner", "vpn or toner", "unheard", "vpn -toner", "ink", "ink -toner", "-toner")
    said = [full_text.frequency_of(each).value for each in words]
    assert said == ["many", "few", "many", "few", "many", "some", "some", "many"]


@pytest.mark.parametrize(
    "text",
    [
        "(a+)+$",
        ".*",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(x+x+)+y",
        "[",
        "\\",
        "a{1,99999}",
        "%",
        "_",
        "';--",
        "!&|",
        "<->",
    ],
)
async def test_a_regular_expression_is_text_and_nothing_else(requester_client: httpx.AsyncClient, text: str) -> None:
    await opened(requester_client, subject="x" * 60)
    quoted = '"' + text.replace('"', "") + '"'
    for query in (quoted, f"subject:{quoted}", f"-subject:{quoted}"):
        assert await found(requester_client, query) == (["x" * 60] if query.startswith("-") else []), query
    reply = await requester_client.get("/v1/tickets", params={"query": text})
    assert reply.status_code == 200 or reply.json()["code"] == "invalid_query", reply.text
    asked = await requester_client.get("/v1/tickets", params={"q": text})
    assert (asked.status_code, asked.json()["data"]) == (200, [])


@pytest.mark.parametrize(
    "text", ["-" * 60 + "message", "- " * 60 + "message", "-_" * 60 + "message", "-(" * 60 + "message"]
)
async def test_a_rule_before_a_word_is_no_negation(requester_client: httpx.AsyncClient, text: str) -> None:
    await opened(requester_client, subject="Forwarded message")
    for path in ("/v1/tickets", "/v1/search", "/v1/articles"):
        reply = await requester_client.get(path, params={"q": text})
        assert reply.status_code == 200, reply.text
        assert ("Forwarded message" in reply.text) is (path != "/v1/articles")
    answer = await searched(requester_client, conditions={"field": "text", "op": "matches", "value": text})
    assert [ticket["subject"] for ticket in answer["data"]] == ["Forwarded message"]


@pytest.mark.parametrize("query", ["-" * 950 + "a", "(" * 500 + "a" + ")" * 500, "-(" * 400 + "a" + ")" * 400])
async def test_a_query_may_be_as_deep_as_it_is_long(requester_client: httpx.AsyncClient, query: str) -> None:
    reply = await requester_client.get("/v1/tickets", params={"query": query})
    assert reply.status_code == 200 or reply.json()["code"] == "invalid_query", reply.text
    reply = await requester_client.post("/v1/tickets/search", json={"query": query})
    assert reply.status_code == 200 or reply.json()["code"] == "invalid_query", reply.text


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("VPN-trace.log", ["VPN-trace.log", '"VPN-trace.log"', "vpn trace", "VPN-trace", "trace.log"]),
        ("error log_2.txt", ["error log_2.txt", '"error log_2.txt"', "log_2.txt", "error"]),
        ("screenshot2.txt", ["screenshot2.txt", "screenshot2"]),
    ],
)
async def test_a_file_is_found_by_its_name(requester_client: httpx.AsyncClient, name: str, texts: list[str]) -> None:
    file = await uploaded(requester_client, name=name)
    with_it = await opened(requester_client, subject="Here it is", attachment_ids=[file["id"]])
    await opened(requester_client, subject="The log of an error", description="No trace of it.")
    for text in texts:
        reply = await requester_client.get("/v1/tickets", params={"q": text})
        assert with_it["id"] in [ticket["id"] for ticket in reply.json()["data"]], text
    assert (await requester_client.get("/v1/tickets", params={"q": f"{name} nowhere"})).json()["data"] == []


async def test_dots_and_dashes_in_a_text_are_found_as_they_were_written(requester_client: httpx.AsyncClient) -> None:
    await opened(requester_client, subject="Host srv-01.example.com", description="Its e-mail is late since v2.3.1.")
    for text in ("srv-01.example.com", "e-mail", '"e-mail is late"', "v2.3.1", "mail", "-outlook e-mail"):
        reply = await requester_client.get("/v1/tickets", params={"q": text})
        assert len(reply.json()["data"]) == 1, text


async def test_the_last_change_is_the_one_that_the_caller_is_shown(
    requester_client: httpx.AsyncClient, a_user: Make, a_team: Make, as_user: AsUser
) -> None:
    with clock.frozen(clock.now()) as moment:
        ours, theirs = await a_team(auto_assign=False), await a_team(auto_assign=False)
        agent, admin = as_user(await a_user(role=Role.AGENT, teams=[ours])), as_user(await a_user(role=Role.ADMIN))
        quiet, own = await opened(agent, team_id=f"tea_{ours.id.hex}"), await opened(requester_client)
        moment.advance(minutes=1)
        # Of the second one the agent sees the public side alone.
        asked = await opened(agent, team_id=f"tea_{theirs.id.hex}")
        for ticket in (quiet, asked, own):
            moment.advance(hours=1)
            body = {"body": "Between us.", "visibility": "internal"}
            assert (await admin.post(f"/v1/tickets/{ticket['id']}/comments", json=body)).status_code == 201
        for client, changed in (
            (admin, [own["id"], asked["id"], quiet["id"]]),
            (agent, [own["id"], quiet["id"]]),
            (requester_client, []),
        ):
            since = (moment.at - timedelta(hours=2, minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
            for asks in (
                {"updated_after": since},
                {"query": f"updated:>={since}"},
                {"query": "updated:>=-150m"},
            ):
                rows = (await client.get("/v1/tickets", params={"sort": "-updated_at", **asks})).json()["data"]
                assert [row["id"] for row in rows] == changed, asks
                assert all(row["updated_at"] >= since[:19] for row in rows)
            older = (await client.get("/v1/tickets", params={"updated_before": since})).json()["data"]
            everything = (await client.get("/v1/tickets", params={"sort": "updated_at"})).json()["data"]
            assert {row["id"] for row in older} == {row["id"] for row in everything} - set(changed)


@pytest.mark.parametrize("piece", ["_a", "~/", "./", "<!--‹!--"])
async def test_no_text_keeps_the_parser_for_minutes(
    database: Database, requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient, piece: str
) -> None:
    text = f"toner {piece * 30_000}"[:60_000]
    async with database.session() as session:
        await session.execute(sa.text("SET LOCAL statement_timeout = '5s'"))
        ticket = await opened(requester_client, subject="Toner", description=text)
        path = f"/v1/tickets/{ticket['id']}"
        for client, method, of, body in (
            (requester_client, "PATCH", path, {"steps_tried": text[:4_000]}),
            (requester_client, "POST", f"{path}/comments", {"body": text}),
            (requester_client, "POST", "/v1/suggestions", {"subject": text[:200], "description": text[:9_000]}),
            (admin_client, "POST", "/v1/articles", {"title": "Toner", "body": text, "language": "en"}),
        ):
            reply = await client.request(method, of, json=body)
            assert reply.is_success, reply.text
        found = (await requester_client.get("/v1/tickets", params={"q": "toner", "highlights": "true"})).json()
        listed = (await admin_client.get("/v1/articles", params={"q": "toner"})).json()["data"]
    assert found["highlights"][ticket["id"]]["description"].startswith("<mark>toner</mark>")
    assert "<mark>" in listed[0]["highlight"]


@pytest.mark.parametrize("asked", ["/etc/hosts", "hosts", "snake_case", "27/11/2026", '"etc hosts"'])
async def test_paths_and_dates_are_found_as_they_are_written(requester_client: httpx.AsyncClient, asked: str) -> None:
    text = "See <b>/etc/hosts</b> and snake_case of 27/11/2026."
    ticket = await opened(requester_client, subject="Names", description=text)
    found = (await requester_client.get("/v1/tickets", params={"q": asked, "highlights": "true"})).json()
    assert [one["id"] for one in found["data"]] == [ticket["id"]]
    shown = html.unescape(found["highlights"][ticket["id"]]["description"])
    assert "<mark>" in shown
    assert re.sub("</?mark>", "", shown) in text
