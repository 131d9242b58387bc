"""The events in the contract, each read off its class: one schema per type, a union over all, and one webhook each.

An old client meets types that it does not know, as with any output enum; `type` tells them apart.
"""

import inspect
from collections.abc import Iterable, Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any

from helpdesk_api.outbox.events import DomainEvent, subject_prefix
from helpdesk_api.web.openapi.examples import ExampleMaker
from helpdesk_api.web.openapi.headers import WEBHOOK_PARAMETERS
from helpdesk_api.web.openapi.nodes import SCHEMAS, ContractError, Json

EVENT = "Event"
_ID_DIGITS = "0190a6f3e1d87c3aa1b2c3d4e5f60718"


class EventType:
    """One type of event as the contract has it."""

    def __init__(self, kind: type[DomainEvent]) -> None:
        self.kind = kind
        self.type = kind.type
        self.schema_name = f"{kind.__name__}{EVENT}"

    @property
    def title(self) -> str:
        """`ticket.participant_added` as words."""
        subject, _, what = self.type.replace("_", " ").partition(".")
        return f"{subject.capitalize()}: {what}"

    @property
    def description(self) -> str:
        """Raises ContractError for an event that nobody described."""
        text = inspect.cleandoc(vars(self.kind).get("__doc__") or "")
        if not text or text.startswith(f"{self.kind.__name__}("):
            message = f"{self.kind.__name__} needs a docstring: it is what the contract says of `{self.type}`"
            raise ContractError(message)
        return " ".join(text.split("\n\n")[0].split())

    @property
    def subject_name(self) -> str:
        return "".join(word.capitalize() for word in self.kind.subject_type.split("_")) + "Subject"

    def subject(self, general: Json) -> Json:
        """The general subject, of this kind only."""
        prefix = subject_prefix(self.kind.subject_type)
        schema = deepcopy(general)
        schema["description"] = f"A {self.kind.subject_type.replace('_', ' ')}."
        schema["properties"]["type"] = {"type": "string", "const": self.kind.subject_type}
        schema["properties"]["id"] |= {
            "pattern": f"^{prefix}_[0-9a-f]{{32}}$",
            "examples": [f"{prefix}_{_ID_DIGITS}"],
        }
        return schema

    def schema(self, general: Json) -> Json:
        """The general event, of this type only."""
        schema = deepcopy(general)
        schema["description"] = self.description
        schema["properties"]["type"] = {"type": "string", "const": self.type}
        schema["properties"]["subject"] = {"$ref": SCHEMAS + self.subject_name}
        if self.kind.is_about_ticket:
            schema["properties"]["ticket_id"]["type"] = "string"
        return schema

    def example(self, maker: ExampleMaker, schema: Json) -> Json:
        made: Json = maker.value(schema, self.schema_name)
        changes = self.kind.example_changes.items()
        made["changes"] = [{"field": name, "before": before, "after": after} for name, (before, after) in changes]
        made["details"] = [{"name": name, "value": value} for name, value in self.kind.example_details.items()]
        return {**made, "internal_changes": [], "internal_details": [], "cause": None}


def event_types(kinds: Iterable[type[DomainEvent]]) -> list[EventType]:
    """In the order of their names. Raises ContractError when two share a type."""
    found = sorted((EventType(kind) for kind in kinds), key=lambda event: event.type)
    for one, other in pairwise(found):
        if one.type == other.type:
            message = f"{one.kind.__name__} and {other.kind.__name__} are both of type {one.type}"
            raise ContractError(message)
    return found


def publish_events(document: Json, events: Sequence[EventType]) -> None:
    """Puts the union in the place of the general event, and the webhooks beside the paths."""
    schemas = document["components"]["schemas"]
    if EVENT not in schemas or not events:
        return
    general, subject = schemas.pop(EVENT), schemas["EventSubject"]
    for event in events:
        schemas.setdefault(event.subject_name, event.subject(subject))
        schemas[event.schema_name] = event.schema(general)
    maker = ExampleMaker(schemas)
    for event in events:
        schemas[event.schema_name]["examples"] = [event.example(maker, schemas[event.schema_name])]
    schemas[EVENT] = {
        "description": f"{general['description']} `type` says which; treat one that is unknown as `other`.",
        "oneOf": [{"$ref": SCHEMAS + event.schema_name} for event in events],
        "discriminator": {
            "propertyName": "type",
            "mapping": {event.type: SCHEMAS + event.schema_name for event in events},
        },
    }
    document["webhooks"] = {event.type: {"post": _webhook(event, schemas)} for event in events}


def _webhook(event: EventType, schemas: Json) -> Json:
    name = "".join(word.capitalize() for word in event.type.replace(".", "_").split("_"))
    return {
        "operationId": f"receive{name}",
        "summary": event.title,
        "description": f"{event.description}\n\nSigned by Standard Webhooks; answer 2xx within 15 seconds.",
        "tags": ["events"],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in WEBHOOK_PARAMETERS],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": SCHEMAS + event.schema_name},
                    "example": _example(schemas[event.schema_name]),
                }
            },
        },
        "responses": {
            "204": {"description": "Taken. Any 2xx counts."},
            "410": {"description": "Send nothing here any more: the webhook is switched off."},
        },
        "security": [{}],
    }


def _example(schema: Json) -> Any:
    return deepcopy(schema["examples"][0])
