"""The breaking-change check finds what breaks a client, and only that."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from helpdesk_api.web.schemas import NOT_BLANK
from tests.contract.breaking import breaking_changes

Json = dict[str, Any]


def a_document() -> Json:
    ticket = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "status": {"type": "string", "enum": ["open", "closed"]},
            "team_id": {"type": ["string", "null"]},
            "parent": {"anyOf": [{"$ref": "#/components/schemas/Ticket"}, {"type": "null"}]},
        },
        "required": ["id", "status", "team_id", "parent"],
    }
    create = {
        "type": "object",
        "properties": {
            "subject": {"type": "string", "maxLength": 200},
            "urgency": {"type": "string", "enum": ["low", "high"]},
        },
        "required": ["subject"],
        "additionalProperties": False,
    }
    answer = {
        "headers": {"ETag": {"schema": {"type": "string"}}},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ticket"}}},
    }
    return {
        "paths": {
            "/v1/tickets": {
                "post": {
                    "operationId": "createTicket",
                    "parameters": [
                        {
                            "name": "dry_run",
                            "in": "query",
                            "schema": {"type": "boolean"},
                        }
                    ],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TicketCreate"}}},
                    },
                    "responses": {"201": answer, "409": {"description": "conflict"}},
                    "security": [{"oauth2": ["tickets:write"]}],
                },
                "get": {
                    "operationId": "listTickets",
                    "responses": {"200": answer},
                    "security": [{}],
                },
            }
        },
        "components": {"schemas": {"Ticket": ticket, "TicketCreate": create}},
    }


def _schema(document: Json, name: str) -> Json:
    found: Json = document["components"]["schemas"][name]
    return found


def _post(document: Json) -> Json:
    found: Json = document["paths"]["/v1/tickets"]["post"]
    return found


BREAKS: dict[str, Callable[[Json], object]] = {
    "the operation is gone": lambda d: d["paths"]["/v1/tickets"].pop("get"),
    "operationId createTicket is now openTicket": lambda d: _post(d).update(operationId="openTicket"),
    "the parameter dry_run is gone": lambda d: _post(d)["parameters"].clear(),
    "the parameter site is now required": lambda d: _post(d)["parameters"].append(
        {"name": "site", "in": "query", "required": True, "schema": {"type": "string"}}
    ),
    "the request body is gone": lambda d: _post(d).pop("requestBody"),
    "no longer taken as application/json": lambda d: _post(d)["requestBody"]["content"].update(
        {"text/plain": _post(d)["requestBody"]["content"].pop("application/json")}
    ),
    "urgency is now required": lambda d: _schema(d, "TicketCreate")["required"].append("urgency"),
    "no longer takes urgency": lambda d: _schema(d, "TicketCreate")["properties"].pop("urgency"),
    "no longer accepts high": lambda d: _schema(d, "TicketCreate")["properties"]["urgency"]["enum"].remove("high"),
    "maxLength is now 100": lambda d: _schema(d, "TicketCreate")["properties"]["subject"].update(maxLength=100),
    "pattern is now ^x": lambda d: _schema(d, "TicketCreate")["properties"]["subject"].update(pattern="^x"),
    "id is no longer answered": lambda d: _schema(d, "Ticket")["properties"].pop("id"),
    "team_id is no longer always there": lambda d: _schema(d, "Ticket")["required"].remove("team_id"),
    "id: may now be null": lambda d: _schema(d, "Ticket")["properties"]["id"].update(type=["string", "null"]),
    "the value closed is gone": lambda d: _schema(d, "Ticket")["properties"]["status"]["enum"].remove("closed"),
    "the answer 201 is gone": lambda d: _post(d)["responses"].update({"200": _post(d)["responses"].pop("201")}),
    "the header ETag is gone": lambda d: _post(d)["responses"]["201"]["headers"].clear(),
    "it now needs the scope tickets:admin": lambda d: _post(d)["security"][0]["oauth2"].append("tickets:admin"),
    "it was public": lambda d: d["paths"]["/v1/tickets"]["get"].update(security=[{"bearer": []}]),
}

ADDITIONS: dict[str, Callable[[Json], object]] = {
    "nothing": lambda _: None,
    "an operation": lambda d: d["paths"].update({"/v1/teams": copy.deepcopy(d["paths"]["/v1/tickets"])}),
    "an optional parameter": lambda d: _post(d)["parameters"].append(
        {"name": "note", "in": "query", "schema": {"type": "string"}}
    ),
    "an optional request property": lambda d: _schema(d, "TicketCreate")["properties"].update(note={"type": "string"}),
    "a wider bound": lambda d: _schema(d, "TicketCreate")["properties"]["subject"].update(maxLength=300),
    "an accepted value": lambda d: _schema(d, "TicketCreate")["properties"]["urgency"]["enum"].append("medium"),
    "a response property": lambda d: _schema(d, "Ticket")["properties"].update(note={"type": "string"}),
    "an answered value": lambda d: _schema(d, "Ticket")["properties"]["status"]["enum"].append("pending"),
    "an error": lambda d: _post(d)["responses"].update({"412": {"description": "changed"}}),
}


@pytest.mark.parametrize("expected", BREAKS)
def test_what_breaks_a_client_is_named(expected: str) -> None:
    before, after = a_document(), a_document()
    BREAKS[expected](after)
    found = breaking_changes(before, after)
    assert any(expected in line for line in found), found


@pytest.mark.parametrize("addition", ADDITIONS)
def test_additions_pass(addition: str) -> None:
    before, after = a_document(), a_document()
    ADDITIONS[addition](after)
    assert breaking_changes(before, after) == []


@pytest.mark.parametrize(
    ("pattern", "breaks"),
    [
        ("^-?(name|age|size)(,-?(name|age|size)){0,4}$", False),
        ("^-?(name|age)(,-?(name|age)){0,5}$", False),
        ("^-?(name|size)(,-?(name|size)){0,4}$", True),
        ("^-?(name|age)(,-?(name|age)){0,3}$", True),
        ("^(name|age)(,(name|age)){0,4}$", True),
        ("^(best|-?x_[a-z]{1,9}|-?(name|age|size)(,-?(name|age|size)){0,4})$", False),
        ("^(best|-?(name)(,-?(name)){0,4})$", True),
        ("^(best)|-?(name|age)(,-?(name|age)){0,4}$", True),
    ],
)
def test_a_list_of_words_may_grow(pattern: str, *, breaks: bool) -> None:
    before, after = a_document(), a_document()
    _schema(before, "TicketCreate")["properties"]["subject"]["pattern"] = "^-?(name|age)(,-?(name|age)){0,4}$"
    _schema(after, "TicketCreate")["properties"]["subject"]["pattern"] = pattern
    assert bool(breaking_changes(before, after)) is breaks


def test_white_space_may_be_spelled_out() -> None:
    before, after = a_document(), a_document()
    _schema(before, "TicketCreate")["properties"]["subject"]["pattern"] = r"^[^\x00]*[^\x00\s][^\x00]*$"
    _schema(after, "TicketCreate")["properties"]["subject"]["pattern"] = NOT_BLANK
    assert breaking_changes(before, after) == []
    _schema(before, "TicketCreate")["properties"]["subject"]["pattern"] = r"^[^\s]*$"
    assert breaking_changes(before, after) != []
