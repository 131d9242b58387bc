"""Defaults of a form: the schema asks for nothing that the server fills in, whatever depends on what."""

import itertools
from typing import Any

import httpx
import jsonschema
from sqlalchemy import update

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.session import Database
from helpdesk_api.domains.forms.models import FormVersion
from helpdesk_api.domains.forms.queries import FORMS
from helpdesk_api.domains.forms.rules import FormFields, schema_of
from helpdesk_api.domains.forms.schemas import FormField
from tests.domains.forms.test_forms import a_form, refused
from tests.domains.tickets.test_search import opened
from tests.factories.records import Make

YES = [{"value": "y", "label": "Yes"}, {"value": "n", "label": "No"}]
CHAIN: list[dict[str, Any]] = [
    {"key": "a", "kind": "choice", "label": "A", "choices": YES, "is_required": True, "default": "y"},
    {"key": "b", "kind": "text", "label": "B", "is_required": True, "visible_if": {"field": "a", "values": ["y"]}},
    {
        "key": "c",
        "kind": "multi_choice",
        "label": "C",
        "choices": YES,
        "is_required": True,
        "default": ["n"],
        "visible_if": {"field": "a", "values": ["y"]},
    },
    {"key": "d", "kind": "number", "label": "D", "default": 3, "visible_if": {"field": "c", "values": ["n"]}},
    {"key": "e", "kind": "text", "label": "E", "is_required": True, "visible_if": {"field": "c", "values": ["y"]}},
]
CHAINED = FormFields("Chain", 1, [FormField.model_validate(field).model_dump(mode="json") for field in CHAIN])


SENT: dict[str, list[Any]] = {
    "a": [None, "y", "n", "x"],
    "b": [None, "t"],
    "c": [None, ["y"], ["n"], ["y", "n"], []],
    "d": [None, 4],
    "e": [None, "t"],
}


def test_what_is_sent_fits_when_it_fits_with_its_defaults() -> None:
    """The schema is for what is sent, and the server asks it of what is filled in: both say the same of all that can be
    sent."""
    schema = schema_of("Chain", CHAINED.fields, is_staff=False)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    told = set()
    for combination in itertools.product(*SENT.values()):
        values = {key: value for key, value in zip(SENT, combination, strict=True) if value is not None}
        fits = validator.is_valid(values)
        assert fits is (CHAINED.errors(CHAINED.with_defaults(values, values), is_staff=False) == []), values
        told.add(fits)
    assert told == {True, False}


async def test_defaults_come_and_go_with_their_condition(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    form = await a_form(admin_client, fields=CHAIN)
    schema = (await requester_client.get(f"/v1/forms/{form['id']}/schema")).json()
    assert schema["required"] == []
    choices = {"enum": ["y", "n"], "oneOf": [{"const": "y", "title": "Yes"}, {"const": "n", "title": "No"}]}
    assert choices.items() <= schema["properties"]["a"].items()
    assert choices.items() <= schema["properties"]["c"]["items"].items()
    assert await refused(requester_client, form) == [("required", "#/custom_fields/b")]
    assert await refused(requester_client, form, b="t", c=["x"]) == [("enum", "#/custom_fields/c/0")]
    ticket = await opened(requester_client, form_id=form["id"], custom_fields={"a": None, "b": "t"})
    assert ticket["custom_fields"] == {"a": "y", "b": "t", "c": ["n"], "d": 3}
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"d": 4}, {"a": "y", "b": "t", "c": ["n"], "d": 4}),
        ({"d": None}, {"a": "y", "b": "t", "c": ["n"], "d": 3}),
        ({"a": "n", "b": None}, {"a": "n"}),
        ({"a": None, "b": "u"}, {"a": "y", "b": "u", "c": ["n"], "d": 3}),
    ]
    for sent, held in steps:
        reply = await requester_client.patch(f"/v1/tickets/{ticket['id']}", json={"custom_fields": sent})
        assert reply.json().get("custom_fields") == held, reply.text


async def test_what_hangs_on_a_condition_goes_with_it_seen_or_not(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, agent_client: httpx.AsyncClient
) -> None:
    on_a = {"visible_if": {"field": "a", "values": ["y"]}}
    fields = [
        {"key": "a", "kind": "choice", "label": "A", "choices": YES},
        {"key": "b", "kind": "text", "label": "B", **on_a},
        {"key": "s", "kind": "text", "label": "S", "visible_to": "staff", **on_a},
        {"key": "n", "kind": "text", "label": "N"},
    ]
    form = await a_form(admin_client, fields=fields)
    ticket = await opened(requester_client, form_id=form["id"], custom_fields={"a": "y", "b": "t"})
    path = f"/v1/tickets/{ticket['id']}"
    await agent_client.patch(path, json={"custom_fields": {"s": "secret"}})
    sent = await requester_client.patch(path, json={"custom_fields": {"a": "n", "b": "t"}})
    assert [error["pointer"] for error in sent.json()["errors"]] == ["#/custom_fields/b"]
    changed = await requester_client.patch(path, json={"custom_fields": {"a": "n"}})
    assert changed.json().get("custom_fields") == {"a": "n"}, changed.text
    noted = await agent_client.patch(path, json={"custom_fields": {"n": "x"}})
    assert noted.json().get("custom_fields") == {"a": "n", "n": "x"}, noted.text
    told = (await agent_client.get(f"{path}/history")).json()["data"]
    changes = [change for event in told for change in event["internal_changes"]]
    assert {"field": "custom_fields.s", "before": "secret", "after": None} in changes
    assert "secret" not in (await requester_client.get(f"{path}/history")).text


async def test_a_default_names_somebody_who_is_there(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient, a_user: Make, database: Database
) -> None:
    keeper, nobody = f"usr_{(await a_user()).id.hex}", f"usr_{'0' * 32}"
    field = {"key": "keeper", "kind": "user", "label": "Who keeps it?", "is_required": True}
    wrong = [{**field, "default": nobody}]
    reply = await admin_client.post("/v1/forms", json={"name": "Keys", "fields": wrong})
    told = [(error["code"], error["pointer"]) for error in reply.json()["errors"]]
    assert (reply.status_code, told) == (422, [("default_does_not_fit", "#/fields/0/default")])
    form = await a_form(admin_client, fields=[{**field, "default": keeper}])
    ticket = await opened(requester_client, form_id=form["id"])
    assert ticket["custom_fields"] == {"keeper": keeper}
    reply = await admin_client.patch(f"/v1/forms/{form['id']}", json={"fields": wrong})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_form_field")
    # As it is when somebody was there as the form was made.
    async with database.session() as session:
        await session.execute(update(FormVersion).values(fields=[{**form["fields"][0], "default": nobody}]))
        await invalidate(session, FORMS)
    assert (await opened(requester_client, form_id=form["id"]))["custom_fields"] == {}


async def test_a_field_for_people_is_asked_by_me_by_id_and_by_name(
    admin_client: httpx.AsyncClient, agent_client: httpx.AsyncClient, a_user: Make
) -> None:
    nadja = await a_user(name="Nadja Keeper", role=Role.AGENT)
    me = (await agent_client.get("/v1/me")).json()["id"]
    field = {"key": "keeper", "kind": "user", "label": "Who keeps it?"}
    form = await a_form(admin_client, fields=[field])
    for subject, keeper in (("A", f"usr_{nadja.id.hex}"), ("B", me), ("C", None)):
        await opened(agent_client, subject=subject, form_id=form["id"], custom_fields={"keeper": keeper})
    for query, those in (
        ("cf_keeper:me", ["B"]),
        (f"cf_keeper:usr_{nadja.id.hex}", ["A"]),
        ('cf_keeper:"nadja keeper",me', ["A", "B"]),
        ("-cf_keeper:me -cf_keeper:none", ["A"]),
    ):
        found = await agent_client.get("/v1/tickets", params={"query": query, "sort": "number"})
        assert [row["subject"] for row in found.json()["data"]] == those, found.text
    unknown = (await agent_client.get("/v1/tickets", params={"query": "cf_keeper:Nadia"})).json()
    assert (unknown["code"], unknown["errors"][0]["code"]) == ("invalid_query", "unknown_name")
    for value, code in (("me", None), (me, None), ("Nadja", "invalid_conditions"), (7, "invalid_conditions")):
        asked = {"conditions": {"field": "cf_keeper", "op": "in", "value": [value]}}
        reply = await agent_client.post("/v1/tickets/search", json=asked)
        assert reply.json().get("code") == code, reply.text
        assert code or [row["subject"] for row in reply.json()["data"]] == ["B"]
