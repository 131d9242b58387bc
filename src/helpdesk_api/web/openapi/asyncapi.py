"""The AsyncAPI 3 document: the same events as the OpenAPI document has them, as messages of the stream and webhooks."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel

from helpdesk_api.web.openapi import vocabulary
from helpdesk_api.web.openapi.document import build_document
from helpdesk_api.web.openapi.events import EventType, event_types
from helpdesk_api.web.openapi.examples import ExampleMaker
from helpdesk_api.web.openapi.nodes import SCHEMAS, Json, reached
from helpdesk_api.web.openapi.schemas import complete_response, tidy

STREAM_PATH = "/v1/events/stream"
# Beside `helpdesk.v1.json` lies `helpdesk.asyncapi.v1.json`.
_NAME = "asyncapi"
_JSON = "application/json"
_OPERATIONS: Json = {
    "streamEvents": {
        "action": "send",
        "channel": {"$ref": "#/channels/stream"},
        "summary": "Follow the event log live",
        "description": "Events as they are committed, as server-sent events; `Last-Event-ID` goes on.",
    },
    "deliverWebhook": {
        "action": "send",
        "channel": {"$ref": "#/channels/webhooks"},
        "summary": "Be told by webhooks",
        "description": "Events to the addresses that were registered, signed by Standard Webhooks.",
    },
}


def build_asyncapi(app: FastAPI) -> Json:
    """From the application's own OpenAPI document, so that both say the same of every event."""
    document = build_document(app)
    events = event_types(app.state.event_types)
    schemas = document["components"]["schemas"]
    controls = _control_schemas(app.state.stream_messages)
    schemas.update(controls)
    maker = ExampleMaker(schemas)
    for name, schema in controls.items():
        if "properties" in schema:
            schema["examples"] = [maker.value(schema, name)]
    messages = {event.type: _message_of(event, schemas) for event in events}
    streamed = dict(messages)
    for name, model in app.state.stream_messages.items():
        streamed[f"stream.{name}"] = _control_message(name, model, schemas)
    used = reached(schemas, iter([message["payload"] for message in streamed.values()]))
    return {
        "asyncapi": "3.0.0",
        "info": _info(),
        "defaultContentType": _JSON,
        "servers": {
            "deployment": {
                "host": "helpdesk.example.com",
                "protocol": "https",
                "description": "The host of your deployment stands in its place.",
            }
        },
        "channels": _channels(messages, streamed),
        "operations": _OPERATIONS,
        "components": {
            "messages": dict(sorted(streamed.items())),
            "schemas": {name: _standalone(schemas[name]) for name in sorted(used)},
        },
    }


def _info() -> Json:
    info: Json = dict(vocabulary.INFO)
    return {
        "title": f"{info['title']}: events",
        "version": info["version"],
        "description": "What the Helpdesk API tells others, live and by webhooks. Each message is one JSON object.",
        "license": {"name": info["license"]["name"]},
        "contact": {**info["contact"], "url": "https://helpdesk.example/"},
        "tags": [{"name": "events", "description": "What happened."}],
    }


def _channels(messages: Json, streamed: Json) -> Json:
    return {
        "stream": {
            "address": STREAM_PATH,
            "title": "Live stream",
            "description": f"`GET {STREAM_PATH}`, text/event-stream. Each message is the `data` of one event of it.",
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in sorted(streamed)},
        },
        "webhooks": {
            "address": None,
            "title": "Webhooks",
            "description": "A POST to each registered address.",
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in sorted(messages)},
        },
    }


def _message_of(event: EventType, schemas: Json) -> Json:
    return {
        "name": event.type,
        "title": event.title,
        "summary": event.description,
        "contentType": _JSON,
        "payload": {"$ref": SCHEMAS + event.schema_name},
        "examples": [{"name": event.type, "payload": deepcopy(schemas[event.schema_name]["examples"][0])}],
    }


def _control_message(name: str, model: type[BaseModel], schemas: Json) -> Json:
    return {
        "name": f"stream.{name}",
        "title": f"Stream: {name}",
        "summary": " ".join((model.__doc__ or name).split()),
        "contentType": _JSON,
        "payload": {"$ref": SCHEMAS + model.__name__},
        "examples": [{"name": name, "payload": deepcopy(schemas[model.__name__]["examples"][0])}],
    }


def _control_schemas(models: Mapping[str, type[BaseModel]]) -> Json:
    found: Json = {}
    for model in models.values():
        schema = model.model_json_schema(mode="serialization", ref_template=SCHEMAS + "{model}")
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    for name, schema in found.items():
        tidy(schema, name)
        complete_response(schema, name)
    return found


def _standalone(schema: Json) -> Json:
    """As AsyncAPI has it: a discriminator is the name of a property."""
    made: Json = deepcopy(schema)
    if isinstance(made.get("discriminator"), dict):
        made["discriminator"] = made["discriminator"]["propertyName"]
    return made


def path_beside(openapi: Path) -> Path:
    """Where the AsyncAPI document lies, given where the OpenAPI document does."""
    name, _, rest = openapi.name.partition(".")
    return openapi.with_name(f"{name}.{_NAME}.{rest}")
