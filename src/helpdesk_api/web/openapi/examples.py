"""An example for every body, from the fields' own examples; the same input gives the same text every time.

They are put in after FastAPI is done, because its generator drops nulls and with them required properties.
"""

import json
import re
from typing import Any

from helpdesk_api.web.openapi.nodes import ContractError, Json, resolve, schema_name

_MAX_DEPTH = 6
_ID_DIGITS = "0190a6f3e1d87c3aa1b2c3d4e5f60718"
_BY_FORMAT = {
    "date-time": "2026-03-02T08:15:00Z",
    "date": "2026-03-02",
    "time": "08:15:00Z",
    "email": "mira.koch@example.com",
    "uri": "https://helpdesk.example.com/",
    "uri-reference": "/v1/records",
    "uuid": "0190a6f3-e1d8-7c3a-a1b2-c3d4e5f60718",
    "ipv4": "192.0.2.10",
    "ipv6": "2001:db8::10",
    "duration": "PT15M",
}
# By the last name of the place: what a reader expects to see there.
_BY_NAME = {
    "affected_service": "VPN",
    "body": "It works again after a **restart**.",
    "body_html": "<p>It works again after a <strong>restart</strong>.</p>",
    "department": "Finance",
    "description": "The picture stays **dark**.",
    "description_html": "<p>The picture stays <strong>dark</strong>.</p>",
    "email": "mira.koch@example.com",
    "excerpt": "It works again after a **restart**.",
    "external_id": "4711",
    "external_source": "old-desk",
    "last_error": "The mail server was busy",
    "locale": "en-GB",
    "location": "Berlin, floor 3",
    "message": "The mail server was busy",
    "name": "Mira Koch",
    "phone": "+49 30 1234567",
    "priority_reason": "The board meets in this room tomorrow",
    "reason": "It happened again this morning",
    "required_fields[]": "resolution_code",
    "resolution_text": "Replaced the cable of the projector.",
    "rule": "Projectors go to the media team",
    "steps_tried": "Switched it off and on again.",
    "subject": "The projector in room 4 stays dark",
    "tags[]": "projector",
    "time_zone": "Europe/Berlin",
    "title": "The projector in room 4 stays dark",
    "url": "/v1/records/INC-1042",
}
# Tried in this order until one satisfies pattern and length.
_TEXTS = (
    "Printer on floor 3 prints blank pages",
    "example",
    "Europe/Berlin",
    "en-GB",
    "en",
    "+49 30 1234567",
    "INC-1042",
    "tickets:read",
    "ticket.updated",
    "10115",
    "0190a6f3e1d87c3aa1b2c3d4e5f60718",
    "https://helpdesk.example.com/",
    "/v1/records",
    "hk_live_4f9a",
    '"v3"',
    "A",
    "1",
)
_ID_PATTERN = re.compile(r"\^\(?(?:\?:)?([a-z]{2,6})_\[0-9a-f\]\{32\}")


class ExampleMaker:
    """Makes values for the schemas of one document."""

    def __init__(self, schemas: Json) -> None:
        self._schemas = schemas

    def value(self, schema: Json, place: str, *, depth: int = 0) -> Any:
        """A value that fits. Raises ContractError when a pattern needs an example of its own."""
        given = _given(schema)
        if given is not None:
            return given[0]
        name = schema_name(schema)
        if name is not None:
            return self.value(resolve(self._schemas, schema), name, depth=depth)
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices:
            return self._choice(choices, place, depth)
        kinds = schema.get("type")
        kind = next((k for k in kinds if k != "null"), "null") if isinstance(kinds, list) else kinds
        # A nullable instant is mostly one that has not come: an open ticket was never closed.
        is_nullable = isinstance(kinds, list) and "null" in kinds
        if is_nullable and (depth > _MAX_DEPTH or schema.get("format") == "date-time"):
            return None
        if kind == "array":
            return self._array(schema, place, depth)
        is_object = kind == "object" or "properties" in schema
        return self._object(schema, place, depth) if is_object else _scalar(kind, schema, place)

    def _choice(self, choices: list[Json], place: str, depth: int) -> Any:
        nullable = {"type": "null"} in choices
        real = [choice for choice in choices if choice != {"type": "null"}]
        if nullable and (depth >= _MAX_DEPTH or "enum" in resolve(self._schemas, real[0])):
            return None
        return self.value(real[0], place, depth=depth + 1)

    def _object(self, schema: Json, place: str, depth: int) -> Json:
        required = set(schema.get("required", ()))
        made: Json = {}
        for name, child in schema.get("properties", {}).items():
            if depth >= _MAX_DEPTH and name not in required:
                continue
            made[name] = self.value(child, f"{place}.{name}", depth=depth + 1)
        return made

    def _array(self, schema: Json, place: str, depth: int) -> list[Any]:
        if "items" not in schema or (depth >= _MAX_DEPTH and not schema.get("minItems")):
            return []
        item = self.value(schema["items"], f"{place}[]", depth=depth + 1)
        return [item] * max(1, schema.get("minItems", 1))


def _given(schema: Json) -> list[Any] | None:
    """What the model's author wrote; a one-element list, so that null can be an example too."""
    if "example" in schema:
        return [schema["example"]]
    if isinstance(schema.get("examples"), list) and schema["examples"]:
        return [schema["examples"][0]]
    if "const" in schema:
        return [schema["const"]]
    if schema.get("enum"):
        return [schema["enum"][0]]
    return None


def _scalar(kind: str | None, schema: Json, place: str) -> Any:
    if kind == "string":
        return _text(schema, place)
    if kind in {"integer", "number"}:
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        high = schema.get("maximum", schema.get("exclusiveMaximum", 10) - 1)
        return min(max(3, low), high)
    if kind == "boolean":
        return True
    return None


def _text(schema: Json, place: str) -> str:
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    pattern = schema.get("pattern", "")
    typed = _ID_PATTERN.match(pattern)
    by_name = _BY_NAME.get(place.rpartition(".")[2])
    candidates = (f"{typed.group(1)}_{_ID_DIGITS}",) if typed else (*filter(None, (by_name,)), *_TEXTS)
    for text in candidates:
        fits = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
        if fits and re.search(pattern, text):
            return text
    message = f"{place}: no stock text fits `{pattern}`; give the field `examples=[…]`"
    raise ContractError(message)


def add_examples(document: Json, operations: list[tuple[str, Json]]) -> None:
    """Gives every request body and every 2xx body an example, `operations` being (place, operation)."""
    schemas = document["components"]["schemas"]
    maker = ExampleMaker(schemas)
    for place, operation in operations:
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [response.get("content", {}) for response in operation["responses"].values()]
        for content in contents:
            for media_type, media in content.items():
                if "example" in media or "examples" in media or "schema" not in media:
                    continue
                if "json" in media_type or "urlencoded" in media_type:
                    media["example"] = json.loads(json.dumps(maker.value(media["schema"], place)))
