"""Passes over the component schemas: names, closed requests, complete responses, and a bound on everything.

A request schema says the truth about what is accepted, so a bound that is missing there is an error of the model and
stops the generation. A response schema may be given a generic bound: it describes, it does not refuse.
"""

import json
import re
from typing import Any

from helpdesk_api.web.openapi.nodes import (
    SCHEMAS,
    ContractError,
    Json,
    every_schema,
    media_schemas,
    operations,
    reached,
    request_roots,
    response_roots,
    schema_name,
)

ANY_TEXT = r"^[^\x00]*$"
RESPONSE_TEXT = 2_000_000
RESPONSE_ITEMS = 10_000
RESPONSE_PROPERTIES = 1_000
SAFE_INTEGER = 2**53 - 1
_INT32 = 2**31 - 1
_FORMAT_LENGTHS = {
    "date-time": 64,
    "date": 10,
    "time": 32,
    "uuid": 36,
    "email": 254,
    "uri": 2_048,
    "duration": 64,
    "ipv4": 15,
    "ipv6": 45,
}
_INTEGER_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_NULL = {"type": "null"}
_VALUE_OR_NULL = 2


def shape_schemas(document: Json) -> None:
    """All passes, in place. Raises ContractError with every place of a request that has no bound."""
    _drop_generated_errors(document)
    _rename(document)
    schemas = document["components"]["schemas"]
    for _, _, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            _prepare_parameter(parameter)
    for name, schema in schemas.items():
        for _, node in every_schema(schema, name):
            _tidy(node)
    requests = reached(schemas, request_roots(document))
    responses = reached(schemas, response_roots(document)) - requests
    missing = _missing_in_parameters(document)
    for name in sorted(requests):
        _close_request(schemas[name], name, missing)
    if missing:
        listed = "\n  ".join(missing)
        message = f"these parts of requests have no bound (see web/schemas.py for bounded types):\n  {listed}"
        raise ContractError(message)
    for name in responses:
        complete_response(schemas[name], name)
    for root in response_roots(document):
        complete_response(root, "answer")
    document["components"]["schemas"] = {name: schemas[name] for name in sorted(requests | responses)}


def _drop_generated_errors(document: Json) -> None:
    """FastAPI's own 422, which our handlers never answer."""
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    for _, _, operation in operations(document):
        for answer in operation["responses"].values():
            if any(schema_name(schema) == "HTTPValidationError" for schema in media_schemas(answer.get("content", {}))):
                del answer["content"]


def _missing_in_parameters(document: Json) -> list[str]:
    missing: list[str] = []
    for path, method, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            for where, node in every_schema(parameter["schema"], f"{method.upper()} {path} {parameter['name']}"):
                missing += _bound(node, where, generic=False)
    return missing


def _published_name(name: str) -> str:
    """`TicketRead` is published as `Ticket`, `Page[TicketRead]` as `TicketPage`."""
    page = re.fullmatch(r"([A-Za-z]*Page)_(\w+?)_?", name)
    if page is not None:
        return _published_name(page.group(2)) + page.group(1)
    return re.sub(r"Read(?=$|-)", "", name).replace("-Input", "Request").replace("-Output", "")


def _two_sided(schemas: Json) -> set[str]:
    """Names whose request and response forms are the same; pydantic keeps recursive ones apart all the same."""
    same = {name.removesuffix("-Input") for name in schemas if f"{name.removesuffix('-Input')}-Output" in schemas}
    while True:
        either = re.compile(r"/(" + "|".join(sorted(map(re.escape, same))) + r")-(?:Input|Output)\"") if same else None

        def plain(name: str, either: re.Pattern[str] | None = either) -> str:
            text = json.dumps(schemas[name], sort_keys=True)
            return either.sub(r'/\1"', text) if either else text

        different = {name for name in same if plain(f"{name}-Input") != plain(f"{name}-Output")}
        if not different:
            return same
        same -= different


def _rename(document: Json) -> None:
    schemas = document["components"]["schemas"]
    same = _two_sided(schemas)
    _rewrite_references(document, {f"{name}-{side}": name for name in same for side in ("Input", "Output")})
    for name in same:
        schemas[name] = schemas.pop(f"{name}-Input")
        del schemas[f"{name}-Output"]
    names: dict[str, str] = {}
    for name in schemas:
        published = _published_name(name)
        taken = published != name and (published in schemas or published in names.values())
        if taken:
            message = f"schema {name} would be published as {published}, which is another schema"
            raise ContractError(message)
        names[name] = published
    document["components"]["schemas"] = {names[name]: schema for name, schema in schemas.items()}
    _rewrite_references(document, names)


def _rewrite_references(node: Any, names: dict[str, str]) -> None:
    if isinstance(node, list):
        for child in node:
            _rewrite_references(child, names)
    elif isinstance(node, dict):
        name = schema_name(node)
        if name is not None:
            node["$ref"] = SCHEMAS + names.get(name, name)
        for value, reference in node.get("mapping", {}).items() if isinstance(node.get("mapping"), dict) else ():
            if isinstance(reference, str):
                name = reference.removeprefix(SCHEMAS)
                node["mapping"][value] = SCHEMAS + names.get(name, name)
        for child in node.values():
            _rewrite_references(child, names)


def _prepare_parameter(parameter: Json) -> None:
    """An optional parameter is one that may be left out; FastAPI also says that it may be the text `null`."""
    schema = parameter["schema"]
    choices = [choice for choice in schema.pop("anyOf", ()) if choice != _NULL]
    if len(choices) == 1:
        schema = {
            **choices[0],
            **{key: value for key, value in schema.items() if key != "title"},
        }
    elif choices:
        schema["anyOf"] = choices
    for _, node in every_schema(schema, ""):
        _tidy(node)
    default = schema.pop("default", None)
    described = schema.pop("description", None) or parameter.get("description")
    parameter["description"] = _with_default(described or _words(parameter["name"]), default)
    parameter["schema"] = schema


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize() + "."


def _with_default(description: str, default: Any) -> str:
    text = str(default).lower() if isinstance(default, bool) else str(default)
    if default is None or default in ("", [], {}) or text in description:
        return description
    return f"{description.rstrip('. ')}. `{text}` when left out.".lstrip(". ")


def _name_properties(node: Json) -> None:
    """A map says once how its keys look and once what they hold; beside `patternProperties` any other key is taken."""
    if len(node.get("patternProperties", ())) == 1:
        ((pattern, value),) = node.pop("patternProperties").items()
        node["additionalProperties"] = value
        node["propertyNames"] = {"type": "string", "pattern": pattern, **node.get("propertyNames", {})}


def _tidy(node: Json) -> None:
    """Drops pydantic's titles, and writes `X or null` of a simple type as a list of types."""
    if isinstance(node.get("title"), str):
        del node["title"]
    if isinstance(node.get("format"), str) and node["format"] in {"binary", "password"}:
        del node["format"]
    choices = node.get("anyOf", [])
    if len(choices) == _VALUE_OR_NULL and _NULL in choices:
        inner = next(choice for choice in choices if choice != _NULL)
        if isinstance(inner.get("type"), str) and not {"enum", "const", "properties"} & inner.keys():
            del node["anyOf"]
            inner.pop("title", None)
            node.update({**inner, **node, "type": [inner["type"], "null"]})
    _name_properties(node)
    if "const" in node:
        node.setdefault(
            "type",
            "string" if isinstance(node["const"], str) else type(node["const"]).__name__,
        )


def _types(node: Json) -> set[str]:
    kind = node.get("type")
    return set(kind) if isinstance(kind, list) else {kind} if isinstance(kind, str) else set()


def _close_request(schema: Json, name: str, missing: list[str]) -> None:
    for where, node in every_schema(schema, name):
        for child in node.get("properties", {}).values():
            described = _with_default(child.get("description", ""), child.pop("default", None))
            if described:
                child["description"] = described
        node.pop("default", None)
        if "properties" in node:
            node["additionalProperties"] = False
        missing.extend(_bound(node, where, generic=False))


def complete_response(schema: Json, name: str) -> None:
    """Every property is present in an answer: absent means null."""
    for where, node in every_schema(schema, name):
        node.pop("default", None)
        for child in node.get("properties", {}).values():
            child.pop("default", None)
        if "properties" in node:
            node["required"] = list(node["properties"])
            if node.get("additionalProperties") is False:
                del node["additionalProperties"]
        _bound(node, where, generic=True)


def _bound(node: Json, where: str, *, generic: bool) -> list[str]:
    """Gives the node its bounds; returns the places where a request has none."""
    if {"enum", "const"} & node.keys():
        return []
    missing: list[str] = []
    types = _types(node)
    if "string" in types:
        missing += _bound_string(node, where, generic=generic)
    if "integer" in types:
        missing += _bound_integer(node, where, generic=generic)
    if "array" in types and "maxItems" not in node:
        node["maxItems"] = RESPONSE_ITEMS
        missing += [] if generic else [f"{where}: an array without max_length"]
    if "object" in types and "properties" not in node:
        node.setdefault("additionalProperties", True)
        if "maxProperties" not in node:
            node["maxProperties"] = RESPONSE_PROPERTIES
            missing += [] if generic else [f"{where}: a map without max_length"]
    return missing


def _bound_string(node: Json, where: str, *, generic: bool) -> list[str]:
    missing: list[str] = []
    if "maxLength" not in node:
        known = _FORMAT_LENGTHS.get(node.get("format", ""))
        node["maxLength"] = known or RESPONSE_TEXT
        missing += [f"{where}: a string without max_length"] if known is None and not generic else []
    if not {"pattern", "format"} & node.keys():
        node["pattern"] = ANY_TEXT
        missing += [] if generic else [f"{where}: a string without pattern or format"]
    return missing


def _bound_integer(node: Json, where: str, *, generic: bool) -> list[str]:
    # FastAPI's own model of a document turns bounds into floats.
    for key in _INTEGER_BOUNDS & node.keys():
        node[key] = int(node[key])
    low = "minimum" in node or "exclusiveMinimum" in node
    high = "maximum" in node or "exclusiveMaximum" in node
    if not low:
        node["minimum"] = -SAFE_INTEGER
    if not high:
        node["maximum"] = SAFE_INTEGER
    largest = max(abs(node.get(key, 0)) for key in _INTEGER_BOUNDS)
    node.setdefault("format", "int32" if largest <= _INT32 else "int64")
    return [] if generic or (low and high) else [f"{where}: an integer without ge and le"]


def tidy(schema: Json, name: str) -> None:
    """The first pass over a schema that no operation names, with all that is inside it."""
    for _, node in every_schema(schema, name):
        _tidy(node)
