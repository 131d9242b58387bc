"""The events in the contract: all of them, each with words and an example that is true of its own schema."""

import json
from typing import Any

import httpx
import jsonschema_rs
import pytest
from fastapi import FastAPI

from helpdesk_api import wiring
from helpdesk_api.config import Settings
from helpdesk_api.main import create_app
from helpdesk_api.outbox.events import DomainEvent
from helpdesk_api.web.openapi import render
from helpdesk_api.web.openapi.asyncapi import build_asyncapi
from helpdesk_api.web.openapi.events import event_types
from helpdesk_api.web.openapi.nodes import ContractError, reached
from tests.fixtures.contract import document_of

Json = dict[str, Any]


@pytest.fixture(scope="module")
def described() -> FastAPI:
    return create_app(Settings(_env_file=None, env="test", secret_key="x" * 32))


@pytest.fixture(scope="module")
def openapi(described: FastAPI) -> Json:
    return document_of(described)


@pytest.fixture(scope="module")
def asyncapi(described: FastAPI) -> Json:
    return build_asyncapi(described)


def validator(document: Json, schema: Json) -> jsonschema_rs.Draft202012Validator:
    """With the components that the schema reaches, and no others: each is compiled."""
    schemas = document["components"]["schemas"]
    used = {name: schemas[name] for name in reached(schemas, iter([schema]))}
    whole = {"allOf": [schema], "components": {"schemas": used}}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def test_every_event_is_in_the_union_and_a_webhook(openapi: Json) -> None:
    types = {event.type for event in wiring.REACTIONS}
    assert set(openapi["components"]["schemas"]["Event"]["discriminator"]["mapping"]) == types
    assert set(openapi["webhooks"]) == types
    assert len(openapi["components"]["schemas"]["Event"]["oneOf"]) == len(types)


def test_every_webhook_example_is_that_event_and_no_other(openapi: Json) -> None:
    union = validator(openapi, {"$ref": "#/components/schemas/Event"})
    for kind, item in openapi["webhooks"].items():
        media = item["post"]["requestBody"]["content"]["application/json"]
        assert media["example"]["type"] == kind
        own = validator(openapi, media["schema"])
        assert [error.message for error in own.iter_errors(media["example"])] == []
        assert union.is_valid(media["example"])
        assert not own.is_valid({**media["example"], "type": "no.event"})


def test_every_message_carries_an_example_of_its_payload(asyncapi: Json) -> None:
    messages = asyncapi["components"]["messages"]
    assert set(messages) == {event.type for event in wiring.REACTIONS} | {"stream.end", "stream.view"}
    for message in messages.values():
        for example in message["examples"]:
            assert validator(asyncapi, message["payload"]).is_valid(example["payload"])


def test_no_reference_of_the_asyncapi_document_leads_nowhere(asyncapi: Json) -> None:
    def check(node: Any) -> None:
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str):
                found: Any = asyncapi
                for part in reference.removeprefix("#/").split("/"):
                    found = found[part]
            for child in node.values():
                check(child)
        elif isinstance(node, list):
            for child in node:
                check(child)

    check(asyncapi)


async def test_the_asyncapi_document_is_served(asyncapi: Json, client: httpx.AsyncClient) -> None:
    reply = await client.get("/asyncapi.json")
    assert reply.content == render(asyncapi)
    assert json.loads(reply.content)["asyncapi"] == "3.0.0"


def test_an_event_that_nobody_described_is_refused() -> None:
    class Undescribed(DomainEvent):
        type = "ticket.undescribed"
        subject_type = "ticket"

    (found,) = event_types([Undescribed])
    with pytest.raises(ContractError, match="Undescribed needs a docstring"):
        _ = found.description
