"""Forms: what they ask whom, and that the server takes exactly what their schema says."""

from functools import cache
from typing import Any

import httpx
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.conditions.checking import check
from helpdesk_api.conditions.registry import CustomKind
from helpdesk_api.conditions.sql import compile_where
from helpdesk_api.conditions.tree import ConditionComparison
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database
from helpdesk_api.domains.forms.rules import FormFields, check_fields, schema_of
from helpdesk_api.domains.forms.schemas import FormField
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.search import vocabulary_of
from tests.domains.tickets.test_search import NEW, found, opened
from tests.factories.records import Make, principal_of
from tests.fixtures.clients import AsUser

FIELDS: list[dict[str, Any]] = [
    {
        "key": "model",
        "kind": "choice",
        "label": "Model",
        "is_required": True,
        "choices": [{"value": "light", "label": "Light"}, {"value": "strong", "label": "Strong"}],
    },
    {
        "key": "why",
        "kind": "text",
        "label": "Why a strong one?",
        "is_required": True,
        "max_length": 40,
        "visible_if": {"field": "model", "values": ["strong"]},
    },
    {"key": "count", "kind": "number", "label": "How many?", "minimum": 1, "maximum": 9, "default": 1},
    {
        "key": "extras",
        "kind": "multi_choice",
        "label": "Extras",
        "choices": [{"value": "bag", "label": "A bag"}, {"value": "dock", "label": "A dock"}],
    },
    {"key": "since", "kind": "date", "label": "From when on?"},
    {"key": "for_whom", "kind": "user", "label": "For whom?"},
    {"key": "is_urgent", "kind": "yes_no", "label": "Is it urgent?"},
    {"key": "approved_by", "kind": "text", "label": "Approved by", "editable_by": "staff"},
    {"key": "budget", "kind": "text", "label": "Budget", "visible_to": "staff", "default": "unknown"},
]


async def a_form(client: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    reply = await client.post("/v1/forms", json={"name": "New laptop", "fields": FIELDS, **fields})
    assert reply.status_code == 201, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def refused(client: httpx.AsyncClient, form: dict[str, Any], **custom: Any) -> list[tuple[str, str]]:
    body = {**NEW, "form_id": form["id"], "custom_fields": custom}
    reply = await client.post("/v1/tickets", json=body)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_custom_fields"), reply.text
    return [(error["code"], error["pointer"]) for error in reply.json()["errors"]]


async def test_a_ticket_is_filled_in_and_each_sees_their_half(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    form = await a_form(admin_client)
    filled = {"model": "strong", "why": "Films", "extras": ["bag"], "since": "2026-12-01", "is_urgent": True}
    ticket = await opened(requester_client, form_id=form["id"], custom_fields=filled)
    assert (ticket["form_id"], ticket["form_number"]) == (form["id"], 1)
    assert ticket["custom_fields"] == {**filled, "count": 1}
    path = f"/v1/tickets/{ticket['id']}"
    assert (await agent_client.get(path)).json()["custom_fields"] == {**filled, "count": 1, "budget": "unknown"}
    etag = (await requester_client.get(path)).headers["ETag"]
    changed = await agent_client.patch(path, json={"custom_fields": {"budget": "2,000", "extras": None}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["custom_fields"]["budget"] == "2,000"
    seen = await requester_client.get(path)
    assert "budget" not in seen.text
    assert "extras" not in seen.json()["custom_fields"]
    assert seen.headers["ETag"] != etag
    # What is the staff's own moves nothing that a requester holds.
    await agent_client.patch(path, json={"custom_fields": {"budget": "3,000"}})
    assert (await requester_client.get(path, headers={"If-None-Match": seen.headers["ETag"]})).status_code == 304
    history = await requester_client.get(f"{path}/history")
    assert "custom_fields.extras" in history.text
    assert "budget" not in history.text
    assert "custom_fields.budget" in (await agent_client.get(f"{path}/history")).text


async def test_what_does_not_fit_is_said_where(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    form = await a_form(admin_client)
    assert await refused(requester_client, form) == [("required", "#/custom_fields/model")]
    assert await refused(requester_client, form, model="strong") == [("required", "#/custom_fields/why")]
    assert await refused(requester_client, form, model="light", why="Hidden") == [
        ("false_schema", "#/custom_fields/why")
    ]
    assert await refused(requester_client, form, model="huge") == [("enum", "#/custom_fields/model")]
    assert await refused(requester_client, form, model="light", count=10) == [("maximum", "#/custom_fields/count")]
    assert await refused(requester_client, form, model="light", since="2026-02-30") == [
        ("format", "#/custom_fields/since")
    ]
    assert await refused(requester_client, form, model="light", budget="9") == [
        ("additional_properties", "#/custom_fields/budget")
    ]
    assert await refused(requester_client, form, model="light", approved_by="me") == [
        ("additional_properties", "#/custom_fields/approved_by")
    ]
    body = {**NEW, "form_id": form["id"], "custom_fields": {"model": "light", "for_whom": f"usr_{'0' * 32}"}}
    nobody = await requester_client.post("/v1/tickets", json=body)
    assert (nobody.status_code, nobody.json()["errors"][0]["pointer"]) == (422, "#/custom_fields/for_whom")
    without = await requester_client.post("/v1/tickets", json={**NEW, "custom_fields": {"model": "light"}})
    assert (without.status_code, without.json()["code"]) == (422, "form_required")
    assert (await requester_client.get("/v1/tickets")).json()["data"] == []


async def test_a_requester_changes_what_is_theirs_and_the_rest_stays(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    form = await a_form(admin_client)
    ticket = await opened(requester_client, form_id=form["id"], custom_fields={"model": "light"})
    path = f"/v1/tickets/{ticket['id']}"
    await agent_client.patch(path, json={"custom_fields": {"approved_by": "Kim", "budget": "1"}})
    own = await requester_client.patch(path, json={"custom_fields": {"count": 2.5}})
    assert own.json()["custom_fields"] == {"model": "light", "count": 2.5, "approved_by": "Kim"}
    told = (await requester_client.get(f"{path}/history")).json()["data"][-1]["changes"]
    assert {"field": "custom_fields.count", "before": 1, "after": "2.5"} in told
    for wrong in ({"approved_by": "me"}, {"budget": "9"}, {"model": None}, {"model": "strong"}):
        reply = await requester_client.patch(path, json={"custom_fields": wrong})
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid_custom_fields"), wrong
    assert (await agent_client.get(path)).json()["custom_fields"] == {
        "model": "light",
        "count": 2.5,
        "approved_by": "Kim",
        "budget": "1",
    }


async def test_a_ticket_keeps_the_version_that_it_was_opened_with(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    form = await a_form(admin_client)
    ticket = await opened(requester_client, form_id=form["id"], custom_fields={"model": "light"})
    etag = (await admin_client.get(f"/v1/forms/{form['id']}")).headers["ETag"]
    fields = [{"key": "colour", "kind": "text", "label": "Colour", "is_required": True}]
    changed = await admin_client.patch(f"/v1/forms/{form['id']}", json={"fields": fields}, headers={"If-Match": etag})
    assert (changed.json()["number"], [field["key"] for field in changed.json()["fields"]]) == (2, ["colour"])
    again = await admin_client.patch(f"/v1/forms/{form['id']}", json={"fields": fields})
    assert (again.json()["number"], again.headers["ETag"]) == (2, changed.headers["ETag"])
    path = f"/v1/tickets/{ticket['id']}"
    assert (await requester_client.patch(path, json={"custom_fields": {"count": 3}})).status_code == 200
    assert await refused(requester_client, form, model="light") != []
    later = await opened(requester_client, form_id=form["id"], custom_fields={"colour": "red"})
    assert later["form_number"] == 2
    old = (await requester_client.get(f"/v1/forms/{form['id']}/versions/1")).json()
    assert [field["key"] for field in old["fields"]] == [f["key"] for f in FIELDS if f["key"] != "budget"]
    stale = await admin_client.patch(f"/v1/forms/{form['id']}", json={"name": "X"}, headers={"If-Match": etag})
    assert stale.status_code == 412
    assert (await admin_client.post(f"/v1/forms/{form['id']}/archive")).status_code == 200
    closed = await requester_client.post("/v1/tickets", json={**NEW, "form_id": form["id"]})
    assert (closed.status_code, closed.json()["code"]) == (409, "form_archived")


async def test_a_category_brings_its_form_and_so_do_those_below_it(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    form = await a_form(admin_client)
    above = (await admin_client.post("/v1/categories", json={"name": "Hardware", "default_form_id": form["id"]})).json()
    below = (await admin_client.post("/v1/categories", json={"name": "Laptops", "parent_id": above["id"]})).json()
    missing = await requester_client.post("/v1/tickets", json={**NEW, "category_id": below["id"]})
    assert (missing.status_code, missing.json()["code"]) == (422, "invalid_custom_fields")
    ticket = await opened(requester_client, category_id=below["id"], custom_fields={"model": "light"})
    assert ticket["form_id"] == form["id"]


async def test_each_type_of_a_category_has_its_form(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    wish, other = await a_form(admin_client), await a_form(admin_client, name="Anything")
    field = {"key": "crack", "kind": "text", "label": "Where is it broken?", "is_required": True}
    broken = (await admin_client.post("/v1/forms", json={"name": "Broken", "fields": [field]})).json()
    body = {"name": "Laptops", "incident_form_id": broken["id"], "service_request_form_id": wish["id"]}
    laptops = (await admin_client.post("/v1/categories", json=body)).json()
    body = {"name": "Small ones", "parent_id": laptops["id"], "default_form_id": other["id"]}
    small = (await admin_client.post("/v1/categories", json=body)).json()
    below = (await admin_client.post("/v1/categories", json={"name": "Old", "parent_id": laptops["id"]})).json()

    async def form_of(category: dict[str, Any], **asked: str) -> tuple[int, str]:
        reply = await requester_client.get(f"/v1/categories/{category['id']}/form", params=asked)
        return reply.status_code, reply.json()["id" if reply.is_success else "code"]

    for category in (laptops, below):
        assert await form_of(category) == await form_of(category, type="incident") == (200, broken["id"])
        assert await form_of(category, type="service_request") == (200, wish["id"])
        assert await form_of(category, type="change") == (404, "form_not_found")
    assert await form_of(small, type="incident") == (200, other["id"])
    assert await form_of({"id": f"cat_{'0' * 32}"}) == (404, "category_not_found")

    first = await requester_client.get(f"/v1/categories/{below['id']}/form")
    held = {"If-None-Match": first.headers["etag"]}
    assert (await requester_client.get(f"/v1/categories/{below['id']}/form", headers=held)).status_code == 304

    fixed = await opened(requester_client, category_id=below["id"], custom_fields={"crack": "The hinge."})
    wished = {"type": "service_request", "category_id": below["id"], "custom_fields": {"model": "light"}}
    assert (fixed["form_id"], (await opened(requester_client, **wished))["form_id"]) == (broken["id"], wish["id"])
    wrong = await requester_client.post("/v1/tickets", json={**NEW, **wished, "type": "incident"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_custom_fields")
    free = await opened(requester_client, type="change", category_id=below["id"])
    assert free["form_id"] is None

    path = f"/v1/categories/{laptops['id']}"
    unknown = await admin_client.patch(path, json={"change_form_id": f"frm_{'0' * 32}"})
    assert (unknown.json()["code"], unknown.json()["errors"][0]["pointer"]) == ("unknown_reference", "#/change_form_id")
    assert (await admin_client.patch(path, json={"incident_form_id": None})).json()["incident_form_id"] is None
    assert await form_of(below) == (404, "form_not_found")


async def test_what_was_filled_in_is_found(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    form = await a_form(admin_client)
    for subject, custom in (("A", {"model": "light", "extras": ["bag"]}), ("B", {"model": "light", "count": 5})):
        await opened(requester_client, subject=subject, form_id=form["id"], custom_fields=custom)
    await opened(requester_client, subject="C")
    assert await found(agent_client, "cf_model:light") == ["A", "B"]
    assert await found(agent_client, "cf_extras:bag") == ["A"]
    assert await found(agent_client, "cf_count:5") == ["B"]
    assert await found(agent_client, "-cf_model:light") == ["C"]
    assert await found(agent_client, "cf_model:none") == ["C"]
    # The staff's own half is no way to find out what it says, or that there is one.
    for query in ("cf_budget:unknown", "cf_budgets:unknown"):
        reply = await requester_client.get("/v1/tickets", params={"query": query})
        assert (reply.status_code, reply.json()["errors"][0]["code"]) == (400, "unknown_field")
    tree = {"field": "cf_count", "op": "in", "value": [5, 7]}
    reply = await agent_client.post("/v1/tickets/search", json={"conditions": tree})
    assert [ticket["subject"] for ticket in reply.json()["data"]] == ["B"]


async def test_one_index_answers_for_every_custom_field(database: Database, a_user: Make) -> None:
    leaf = ConditionComparison.model_validate({"field": "cf_model", "op": "in", "value": ["light", "strong"]})
    principal = await principal_of(database, await a_user())
    subject = vocabulary_of(principal, {"model": frozenset({CustomKind.TEXT})}).subject
    read = CompiledStatement(select(Ticket.id).where(compile_where(check(leaf, subject))))
    async with database.session() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        # It holds the same tickets, and so would do for the few of a test.
        await session.execute(text("DROP INDEX ix_tickets_first_words"))
        connection = await (await session.connection()).get_raw_connection()
        assert connection.driver_connection is not None
        rows = await connection.driver_connection.fetch(f"EXPLAIN {read.sql}", *read.arguments({}))
    assert "ix_tickets_custom_fields" in "\n".join(row[0] for row in rows)


DEVICES: dict[str, dict[str, Any]] = {
    "A": {"device": "LT-17 Nadja's laptop"},
    "B": {"device": "lt-17"},
    "C": {"device": "LT-170 Spare laptop", "places": ["hall", "yard"]},
    "D": {"note": "LT-17 is broken"},
    "E": {"device": "svc:mail/eu-1 Mail in Europe", "secret": "LT-17 The one that was stolen"},
}


async def test_an_asset_is_found_by_its_id_and_by_its_words(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    place = {"kind": "multi_choice", "label": "Where?", "choices": [{"value": v, "label": v} for v in ("hall", "yard")]}
    fields = [
        {"key": "device", "kind": "asset", "label": "Which one?"},
        {"key": "secret", "kind": "asset", "label": "Really?", "visible_to": "staff", "editable_by": "staff"},
        {"key": "note", "kind": "text", "label": "Note"},
        {"key": "places", **place},
    ]
    form = (await admin_client.post("/v1/forms", json={"name": "Broken", "fields": fields})).json()
    for subject, custom in DEVICES.items():
        own = {key: value for key, value in custom.items() if key != "secret"}
        ticket = await opened(requester_client, subject=subject, form_id=form["id"], custom_fields=own)
        if "secret" in custom:
            patch = {"custom_fields": {"secret": custom["secret"]}}
            assert (await agent_client.patch(f"/v1/tickets/{ticket['id']}", json=patch)).status_code == 200
    for query, those in (
        ("cf_device.id:LT-17", ["A", "B"]),
        ("cf_device.id:Lt-170,svc:mail/eu-1", ["C", "E"]),
        ("-cf_device.id:LT-17", ["C", "D", "E"]),
        ("cf_device.id:none", ["D"]),
        ("cf_device.label:LAPTOP", ["A", "C"]),
        ("cf_device.label:LT", []),
        ("cf_device.label:none", ["B", "D"]),
        ('cf_device:"LT-17 Nadja\'s laptop"', ["A"]),
    ):
        assert await found(agent_client, query) == those, query
    assert (
        await found(agent_client, "cf_secret.id:lt-17") == await found(agent_client, "cf_secret.label:stolen") == ["E"]
    )
    reply = await requester_client.get("/v1/tickets", params={"query": "cf_secret.id:lt-17"})
    assert (reply.status_code, reply.json()["errors"][0]["code"]) == (400, "unknown_field")

    async def asked(field: str, op: str, value: Any) -> Any:
        body = {"conditions": {"field": field, "op": op, "value": value}, "sort": "cf_device"}
        reply = await agent_client.post("/v1/tickets/search", json=body)
        if reply.is_success:
            return "".join(ticket["subject"] for ticket in reply.json()["data"])
        return reply.json()["code"], reply.json()["errors"][0]["code"], reply.json()["errors"][0]["pointer"]

    assert await asked("cf_device.id", "in", ["LT-17", "LT-170"]) == "BAC"
    assert await asked("cf_device", "contains", "laptop") == "AC"
    assert await asked("cf_places", "contains", "yard") == "C"
    assert await asked("cf_places", "contains", "yar") == ""
    not_so = ("invalid_conditions", "operator_not_applicable", "#/conditions/op")
    assert await asked("cf_device.id", "contains", "LT") == await asked("cf_device.label", "eq", "x") == not_so
    assert await asked("cf_device.id", "gte", "LT-17") == not_so
    assert await asked("cf_device.id", "eq", 17) == ("invalid_conditions", "text_expected", "#/conditions/value")
    assert await asked("cf_device", "contains", 17) == ("invalid_conditions", "text_expected", "#/conditions/value")
    assert (await asked("subject.id", "eq", "x"))[0] == "validation_failed"


ASSET = FormFields(
    "Broken device",
    1,
    [FormField.model_validate({"key": "device", "kind": "asset", "label": "Which one?"}).model_dump(mode="json")],
)


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"kind": "choice"}, "choices_required", "#/fields/1/choices"),
        ({"choices": [{"value": "a", "label": "A"}]}, "choices_not_taken", "#/fields/1/choices"),
        ({"key": "model"}, "key_repeated", "#/fields/1/key"),
        ({"visible_if": {"field": "other", "values": ["a"]}}, "unknown_condition", "#/fields/1/visible_if/field"),
        ({"visible_if": {"field": "model", "values": ["a"]}}, "unknown_condition", "#/fields/1/visible_if/values"),
        ({"minimum": 1}, "bounds_not_taken", "#/fields/1/minimum"),
        ({"kind": "number", "minimum": 2, "maximum": 1}, "bounds_crossed", "#/fields/1/minimum"),
        ({"default": 7}, "default_does_not_fit", "#/fields/1/default"),
        ({"kind": "date", "default": "soon"}, "default_does_not_fit", "#/fields/1/default"),
        ({"kind": "asset", "default": " LT-1"}, "default_does_not_fit", "#/fields/1/default"),
        ({"kind": "asset", "max_length": 10}, "bounds_not_taken", "#/fields/1/max_length"),
    ],
)
async def test_a_form_that_contradicts_itself_is_refused(
    admin_client: httpx.AsyncClient, change: dict[str, Any], code: str, pointer: str
) -> None:
    fields = [FIELDS[0], {"key": "more", "kind": "text", "label": "More", **change}]
    reply = await admin_client.post("/v1/forms", json={"name": "Wrong", "fields": fields})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_form_field"), reply.text
    assert (code, pointer) in [(error["code"], error["pointer"]) for error in reply.json()["errors"]]


@pytest.mark.parametrize("kind", ["choice", "multi_choice"])
@pytest.mark.parametrize("choices", [[], None])
def test_what_depends_on_a_choice_without_choices_is_said_of_the_choice(kind: str, choices: list[Any] | None) -> None:
    said = [
        {"key": "a", "kind": kind, "label": "A", "choices": choices},
        {"key": "b", "kind": "text", "label": "B", "visible_if": {"field": "a", "values": ["x"]}},
    ]
    errors = check_fields([FormField.model_validate(field).model_dump(mode="json") for field in said])
    assert [(error.code, error.pointer) for error in errors] == [("choices_required", "#/fields/0/choices")]


def test_nothing_depends_on_which_file_it_is() -> None:
    upload = {"key": "a", "kind": "file", "label": "A"}
    values = [f"att_{'0' * 32}"]
    more = {"key": "b", "kind": "text", "label": "B", "visible_if": {"field": "a", "values": values}}
    errors = check_fields([FormField.model_validate(field).model_dump(mode="json") for field in (upload, more)])
    assert [(error.code, error.pointer) for error in errors] == [("condition_not_taken", "#/fields/1/visible_if/field")]


async def test_a_condition_on_what_not_all_fill_in_is_refused(admin_client: httpx.AsyncClient) -> None:
    fields = [{**FIELDS[0], "visible_to": "staff"}, FIELDS[1]]
    reply = await admin_client.post("/v1/forms", json={"name": "Wrong", "fields": fields})
    assert [error["code"] for error in reply.json()["errors"]] == ["condition_hidden"]


async def test_only_administrators_make_forms(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, a_user: Make, as_user: AsUser
) -> None:
    form = await a_form(admin_client)
    for client in (requester_client, as_user(await a_user(role=Role.SUPERVISOR))):
        assert (await client.post("/v1/forms", json={"name": "X", "fields": FIELDS})).status_code == 403
        assert (await client.patch(f"/v1/forms/{form['id']}", json={})).status_code == 403
    shown = (await requester_client.get("/v1/forms")).json()["data"][0]
    assert "budget" not in [field["key"] for field in shown["fields"]]


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["light", "strong", "huge", 1, None]),
        "why": st.sampled_from(["Films", "", "x" * 41, 3]),
        "count": st.sampled_from([0, 1, 9, 10, 2.5, True, "1"]),
        "extras": st.sampled_from([["bag"], [], ["bag", "bag"], ["bag", "dock"], ["tea"], "bag"]),
        "since": st.sampled_from(["2026-12-01", "2026-02-30", "soon", "2026-1-1"]),
        "is_urgent": st.sampled_from([True, False, 1, "yes"]),
        "approved_by": st.sampled_from(["Kim", 1]),
        "budget": st.sampled_from(["1", None]),
        "unheard": st.just("of"),
    },
)
SHAPES = [FormField.model_validate(field).model_dump(mode="json") for field in FIELDS]


@cache
def another_reader(*, is_staff: bool) -> jsonschema.Draft202012Validator:
    schema = schema_of("New laptop", SHAPES, is_staff=is_staff)
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(schema, format_checker=checker)


FORM = FormFields("New laptop", 1, SHAPES)


@settings(max_examples=150, deadline=None)
@given(VALUES, st.booleans())
def test_another_reader_of_the_schema_says_the_same(values: dict[str, Any], is_staff: bool) -> None:
    errors = FORM.errors(values, is_staff=is_staff)
    assert (errors == []) is another_reader(is_staff=is_staff).is_valid(values)


async def test_the_served_schema_is_the_enforced_one(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    form = await a_form(admin_client)
    for client, is_staff in ((admin_client, True), (requester_client, False)):
        served = (await client.get(f"/v1/forms/{form['id']}/schema")).json()
        assert served == schema_of("New laptop", SHAPES, is_staff=is_staff)
    gone = await admin_client.get(f"/v1/forms/{form['id']}/schema", params={"number": 7})
    assert (gone.status_code, gone.json()["code"]) == (404, "form_version_not_found")


@pytest.mark.parametrize("value", ["LT-04711", "svc:mail/eu-1 Mail für alle", "7 x"])
def test_an_asset_is_named_by_its_id_and_words(value: str) -> None:
    assert ASSET.errors({"device": value}, is_staff=False) == []


@pytest.mark.parametrize(
    "value", ["", " LT-1", "LT-1 ", "LT-1  two", "LT\n1", "LT-1 a\x00b", "Gerät", "x" * 301, "-1", 7]
)
def test_what_names_no_asset_is_refused_as_its_schema_says(value: object) -> None:
    (error, *_) = ASSET.errors({"device": value}, is_staff=False)
    assert error.pointer == "#/custom_fields/device"
