"""A new ticket's answer already has what the model decided; the history says why, and requesters see none of it."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.classification.packing import UnusableModel
from helpdesk_api.domains.classification.state import use_no_model
from tests.domains.assignments.desk import steps_of
from tests.domains.classification.conftest import PRINTER, Learned
from tests.factories.records import Make, make_ticket
from tests.fixtures.clients import AsUser

SETTINGS = "/v1/classification/settings"


async def opened(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    reply = await client.post("/v1/tickets", json={**PRINTER, **fields})
    assert reply.status_code == 201, reply.text
    ticket: dict[str, Any] = reply.json()
    return ticket


async def guesses(client: httpx.AsyncClient, ticket: dict[str, Any]) -> dict[str, dict[str, Any]]:
    reply = await client.get(f"/v1/tickets/{ticket['id']}/classification")
    assert reply.status_code == 200, reply.text
    return {one["field"]: one for one in reply.json()["guesses"]}


async def set_thresholds(client: httpx.AsyncClient, value: float | None) -> None:
    etag = (await client.get(SETTINGS)).headers["etag"]
    body = dict.fromkeys(("type", "category", "priority", "team"), value)
    assert (await client.put(SETTINGS, json=body, headers={"If-Match": etag})).status_code == 200


async def test_it_decides_what_nobody_decided(
    learned: Learned, database: Database, admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    await learned.activate(database)
    await set_thresholds(admin_client, 0.6)
    ticket = await opened(requester_client)
    assert ticket["type"] == "service_request"
    assert ticket["reference"].startswith("REQ-")
    assert ticket["category_id"] == public_id("cat", learned.printing.id)
    assert ticket["team_id"] == public_id("tea", learned.printers.id)
    assert ticket["priority"] == "medium"
    assert [step[:2] for step in await steps_of(admin_client, ticket)][:4] == [
        ("type", "model"),
        ("category", "model"),
        ("priority", "model"),
        ("team", "model"),
    ]
    found = await guesses(admin_client, ticket)
    assert {one["outcome"] for one in found.values()} == {"decided"}
    assert found["category"]["confidence"] >= 0.6
    assert {"blank", "pages", "printer", "prints", "toner", "toner empty", "paper jam", "jam", "paper"} & set(
        found["category"]["words"]
    )
    history = (await admin_client.get(f"/v1/tickets/{ticket['id']}/history")).json()["data"]
    details = {one["name"]: one["value"] for one in history[0]["internal_details"]}
    assert details["model_number"] == 1
    assert len(details["guesses"]) == 4
    as_by_default = await opened(requester_client, subject="VPN drops", description="Since today: vpn drops.")
    assert (as_by_default["type"], (await guesses(admin_client, as_by_default))["type"]["outcome"]) == (
        "incident",
        "decided",
    )
    assert next(step[:2] for step in await steps_of(admin_client, as_by_default)) == ("type", "model")


async def test_a_word_that_was_taken_out_of_the_text_is_no_reason_any_more(
    learned: Learned, database: Database, admin_client: httpx.AsyncClient
) -> None:
    await learned.activate(database)
    ticket = await opened(admin_client, description="Toner empty. My password is swordfish.")
    assert any("toner" in one["words"] for one in (await guesses(admin_client, ticket)).values())
    changed = await admin_client.patch(f"/v1/tickets/{ticket['id']}", json={"description": "Empty."})
    assert changed.status_code == 200
    words = {word for one in (await guesses(admin_client, ticket)).values() for word in one["words"]}
    assert words
    assert not any("toner" in word for word in words)


async def test_requesters_see_none_of_it(
    learned: Learned, database: Database, admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    await learned.activate(database)
    ticket = await opened(requester_client)
    for path in ("", "/settings", "/report"):
        assert (await requester_client.get(f"/v1/classification{path}")).json()["code"] == "staff_only"
    refused = await requester_client.get(f"/v1/tickets/{ticket['id']}/classification")
    assert refused.json()["code"] == "action_forbidden"
    history = (await requester_client.get(f"/v1/tickets/{ticket['id']}/history")).json()["data"]
    assert [row["internal_details"] for row in history] == [None] * len(history)
    assert "guess" not in str(history)
    assert ticket["priority_source"] is None


async def test_explicit_values_and_rules_win(
    learned: Learned, database: Database, admin_client: httpx.AsyncClient, a_team: Make
) -> None:
    await learned.activate(database)
    await set_thresholds(admin_client, 0.5)
    team = await a_team()
    rule = {
        "name": "Blank pages",
        "conditions": {"field": "category_id", "op": "eq", "value": public_id("cat", learned.printing.id)},
        "team_id": public_id("tea", team.id),
        "priority": "low",
    }
    assert (await admin_client.post("/v1/routing-rules", json=rule)).status_code == 201
    # The rule sees the category that the model has chosen.
    ticket = await opened(admin_client, type="incident")
    assert (ticket["type"], ticket["priority"]) == ("incident", "low")
    assert ticket["team_id"] == public_id("tea", team.id)
    found = await guesses(admin_client, ticket)
    assert {name: one["outcome"] for name, one in found.items()} == {
        "type": "overruled",
        "category": "decided",
        "priority": "overruled",
        "team": "overruled",
    }
    other = await opened(admin_client, category_id=public_id("cat", learned.network.id), impact="low", urgency="low")
    assert other["category_id"] == public_id("cat", learned.network.id)
    found = await guesses(admin_client, other)
    assert (found["category"]["outcome"], found["category"]["current"]) == ("overruled", other["category_id"])
    assert found["priority"]["outcome"] == "overruled"


async def test_below_the_threshold_it_suggests(
    learned: Learned, database: Database, admin_client: httpx.AsyncClient
) -> None:
    await learned.activate(database)
    await set_thresholds(admin_client, None)
    ticket = await opened(admin_client)
    assert (ticket["type"], ticket["category_id"], ticket["team_id"]) == ("incident", None, None)
    found = await guesses(admin_client, ticket)
    assert {one["outcome"] for one in found.values()} == {"suggested"}
    assert found["category"]["value"] == public_id("cat", learned.printing.id)
    assert found["category"]["threshold"] is None


async def test_what_is_no_more_is_not_decided_on(
    learned: Learned, database: Database, admin_client: httpx.AsyncClient
) -> None:
    await learned.activate(database)
    await set_thresholds(admin_client, 0.5)
    await opened(admin_client)
    category, team = public_id("cat", learned.printing.id), public_id("tea", learned.printers.id)
    assert (await admin_client.post(f"/v1/categories/{category}/retire", json={})).status_code == 200
    assert (await admin_client.post(f"/v1/teams/{team}/archive", json={})).status_code == 200
    ticket = await opened(admin_client)
    assert (ticket["category_id"], ticket["team_id"]) == (None, None)


def _again(content: bytes, **changes: Any) -> bytes:
    import skops.io

    return skops.io.dumps({**skops.io.loads(content, trusted=[]), **changes})


def _of_objects() -> Any:
    import numpy as np

    return np.array([{"any": "thing"}], dtype=object)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda good: good[:-40] + bytes(40), "cannot be read"),
        (lambda good: b"no model at all", "cannot be read"),
        (lambda good: _again(good, format=99), "format 99"),
        (lambda good: _again(good, words=1), "misshapen"),
        (lambda good: _again(good, intercepts=""), "misshapen"),
        (lambda good: _again(good, words=b""), "types that no model of ours has: builtins.bytes"),
        (lambda good: _again(good, words=[1]), "types that no model of ours has: builtins.list"),
        (lambda good: _again(good, words=_of_objects()), "types that no model of ours has: numpy.ndarray"),
        (lambda good: _again(good, more=Learned), "types that no model of ours has"),
    ],
)
def test_no_other_file_is_read(
    learned_once: tuple[dict[str, Any], bytes], damage: Callable[[bytes], bytes], said: str
) -> None:
    from helpdesk_api.domains.classification import files

    content = damage(learned_once[1])
    with pytest.raises(UnusableModel, match=said):
        files.from_bytes(content, files.checksum(content))


async def test_a_bad_file_is_refused_and_tickets_go_on(
    learned: Learned, database: Database, admin_client: httpx.AsyncClient
) -> None:
    from helpdesk_api.domains.classification import files

    await learned.activate(database, sha256=files.checksum(learned.content + b"more"))
    ticket = await opened(admin_client)
    assert ticket["category_id"] is None
    assert await guesses(admin_client, ticket) == {}
    said = (await admin_client.get("/v1/classification")).json()
    assert (said["engine"], said["reason"]) == ("keyword_rules", "unusable_file")
    assert "checksum" in said["problem"]


async def test_what_failed_for_want_of_something_is_tried_again(
    learned: Learned, database: Database, admin_client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is good; a machine without room for one more process says nothing about it."""
    from helpdesk_api.domains.classification import files

    # Another file than the other tests have, since this process has loaded theirs.
    model = files.from_bytes(learned.content, files.checksum(learned.content))
    content = files.to_bytes(replace(model, intercepts=model.intercepts + 0.001))
    now = clock.now()
    with clock.frozen(now), monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        use_no_model()
        await learned.activate(database, content=content)
        said = (await admin_client.get("/v1/classification")).json()
        assert (said["engine"], said["reason"]) == ("keyword_rules", "not_loaded")
        assert "No such file" in said["problem"]
        assert await guesses(admin_client, await opened(admin_client)) == {}
    with clock.frozen(now + timedelta(seconds=29)):
        assert (await admin_client.get("/v1/classification")).json()["reason"] == "not_loaded"
    with clock.frozen(now + timedelta(seconds=31)):
        said = (await admin_client.get("/v1/classification")).json()
        assert (said["engine"], said["reason"], said["problem"]) == ("model", None, None)
        assert await guesses(admin_client, await opened(admin_client)) != {}


async def test_without_a_model_keyword_rules_sort_and_it_says_so(
    admin_client: httpx.AsyncClient, database: Database
) -> None:
    said = (await admin_client.get("/v1/classification")).json()
    assert (said["engine"], said["reason"], said["training"]) == ("keyword_rules", "not_trained", None)
    ticket = await opened(admin_client)
    assert await guesses(admin_client, ticket) == {}


async def test_near_tickets_are_those_that_the_caller_may_read(
    learned: Learned, database: Database, admin_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
) -> None:
    """The model knows the texts of all; who reads a guess sees of these what they see anyway."""
    from helpdesk_api.domains.classification import files

    model = files.from_bytes(learned.content, files.checksum(learned.content))
    ids = list(model.neighbours.ids)
    likest = model.predict(PRINTER["subject"], PRINTER["description"]).nearest
    for place, (key, _) in enumerate(likest):
        team_id = (learned.printers.id, learned.routers.id, None)[place]
        ids[ids.index(key)] = (await make_ticket(database, team_id=team_id, subject=f"Near {place}")).id.hex
    content = files.to_bytes(replace(model, neighbours=replace(model.neighbours, ids=ids)))
    await learned.activate(database, content=content)
    ticket = await opened(admin_client, team_id=public_id("tea", learned.printers.id))
    path = f"/v1/tickets/{ticket['id']}/classification"
    agent = as_user(await a_user(role=Role.AGENT, teams=[learned.printers]))
    assert {one["subject"] for one in (await agent.get(path)).json()["nearest"]} == {"Near 0", "Near 2"}
    everything = (await admin_client.get(path)).json()["nearest"]
    assert [one["likeness"] for one in everything] == pytest.approx([likeness for _, likeness in likest], abs=0.01)
