"""The report counts what people left; admins set from where on the model decides; nothing needs the extra."""

import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.config import Settings
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.session import Database
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.domains.classification import languages, state, training, wording
from helpdesk_api.installation import install_wiring
from tests.domains.audit.test_log import relay
from tests.domains.classification.conftest import PRINTER, Learned
from tests.factories.records import make_ticket, make_user

SETTINGS, REPORT = "/v1/classification/settings", "/v1/classification/report"
HALF = dict.fromkeys(("type", "category", "priority", "team"), 0.5)


async def test_it_counts_what_was_right_decided_and_corrected(
    learned: Learned, database: Database, admin_client: httpx.AsyncClient
) -> None:
    await learned.activate(database)
    etag = (await admin_client.get(SETTINGS)).headers["etag"]
    assert (await admin_client.put(SETTINGS, json=HALF, headers={"If-Match": etag})).status_code == 200
    tickets = []
    for _ in range(4):
        reply = await admin_client.post("/v1/tickets", json=PRINTER)
        assert reply.status_code == 201, reply.text
        tickets.append(reply.json())
    # One that was merged away nobody corrected, and it counts no more.
    merged = await admin_client.post(f"/v1/tickets/{tickets[3]['id']}/merge", json={"into": tickets[2]["id"]})
    assert merged.status_code == 200, merged.text
    network = public_id("cat", learned.network.id)
    changed = await admin_client.patch(f"/v1/tickets/{tickets[0]['id']}", json={"category_id": network})
    assert changed.status_code == 200, changed.text
    resolution = {"resolution_code": "fixed", "resolution_text": "Toner replaced."}
    for ticket in tickets[:2]:
        done = await admin_client.post(f"/v1/tickets/{ticket['id']}/resolve", json=resolution)
        assert done.status_code == 200, done.text
    await relay(database)
    report = (await admin_client.get(REPORT)).json()
    assert (report["engine"], report["detects_languages"]) == ("model", True)
    category = next(one for one in report["fields"] if one["field"] == "category")
    counts = {name: category[name] for name in ("guessed", "decided", "corrected", "measured")}
    assert counts == {"guessed": 3, "decided": 3, "corrected": 1, "measured": 2}
    assert (category["accuracy"], category["coverage"], category["covered_accuracy"]) == (0.5, 1.0, 0.5)
    assert category["confusion"] == [
        {"guessed": public_id("cat", learned.printing.id), "actual": network, "ticket_count": 1}
    ]
    assert 0.3 < category["drift"] < 0.7
    month = next(one for one in report["months"] if one["field"] == "category")
    assert (month["guessed"], month["corrected"], month["accuracy"]) == (3, 1, 0.5)
    assert report["trainings"][0]["fields"][0]["field"] == "type"


async def test_settings_are_for_admins_and_of_two_writers_one_wins(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    first = await admin_client.get(SETTINGS)
    assert first.json() == {"type": 0.9, "category": 0.8, "priority": 0.9, "team": 0.8, "updated_at": None}
    etag = first.headers["etag"]
    assert (await agent_client.get(SETTINGS)).json() == first.json()
    assert (await agent_client.put(SETTINGS, json=HALF, headers={"If-Match": etag})).status_code == 403
    assert (await admin_client.put(SETTINGS, json=HALF)).json()["code"] == "precondition_required"
    body = {**HALF, "team": None}
    written = await admin_client.put(SETTINGS, json=body, headers={"If-Match": etag})
    assert (written.status_code, written.json()["team"]) == (200, None)
    late = await admin_client.put(SETTINGS, json=HALF, headers={"If-Match": etag})
    assert late.json()["code"] == "precondition_failed"
    assert (await admin_client.get(SETTINGS)).headers["etag"] == written.headers["etag"]


@pytest.mark.parametrize(
    "body",
    [{}, *({**HALF, "type": value} for value in (1.01, 0.49, "0.9", True)), {**HALF, "state": 1}],
)
async def test_bad_settings_are_refused(admin_client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    refused = await admin_client.put(SETTINGS, json=body, headers={"If-Match": '"v0"'})
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed")


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where the packages of the extra are not installed."""
    for name in ("skops", "py3langid"):
        monkeypatch.setitem(sys.modules, name, None)
    _forget()
    yield
    _forget()


def _forget() -> None:
    state.can_learn.cache_clear()
    languages.can_detect.cache_clear()


async def test_without_the_extra_keyword_rules_sort_and_it_says_so(
    without_extra: None, learned: Learned, database: Database, admin_client: httpx.AsyncClient
) -> None:
    await learned.activate(database)
    rule = {
        "name": "Printers",
        "conditions": {"field": "subject", "op": "contains", "value": "printer"},
        "category_id": public_id("cat", learned.printing.id),
    }
    assert (await admin_client.post("/v1/routing-rules", json=rule)).status_code == 201
    ticket = (await admin_client.post("/v1/tickets", json=PRINTER)).json()
    assert (ticket["category_id"], ticket["language"]) == (rule["category_id"], None)
    said = (await admin_client.get("/v1/classification")).json()
    assert (said["engine"], said["reason"], said["detects_languages"]) == ("keyword_rules", "extra_missing", False)
    report = (await admin_client.get(REPORT)).json()
    assert (report["engine"], report["reason"]) == ("keyword_rules", "extra_missing")
    async with database.session() as session:
        assert await training.train(session) is None
    assert "extra `ai`" in next(iter(wording.told(None)))


async def test_a_guess_costs_no_statement(learned: Learned, own_database: Database, settings: Settings) -> None:
    install_wiring(settings)
    opener = await make_user(own_database, role=Role.ADMIN)
    await make_ticket(own_database, by=opener)
    without = await _cost(own_database, opener)
    await learned.activate(own_database)
    await make_ticket(own_database, by=opener, **PRINTER)
    assert await _cost(own_database, opener) == without


async def _cost(database: Database, opener: Any) -> int:
    count = StatementCount()
    token = statement_count.set(count)
    try:
        await make_ticket(database, by=opener, **PRINTER)
    finally:
        statement_count.reset(token)
    return count.value
