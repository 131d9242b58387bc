"""Walking an OpenAPI document: references, schemas inside schemas, what a root reaches."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/"
METHODS = ("get", "post", "put", "patch", "delete")
_CHILD_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_CHILD_MAPS = ("properties", "patternProperties", "$defs")
_CHILD_SCHEMAS = ("items", "additionalProperties", "not", "contains", "propertyNames")


class ContractError(Exception):
    """A route or a model that cannot be published as it is; the message says what to change."""


def schema_name(node: Any) -> str | None:
    """The component that a `$ref` names, else None."""
    reference = node.get("$ref") if isinstance(node, dict) else None
    return reference.removeprefix(SCHEMAS) if isinstance(reference, str) else None


def resolve(schemas: Json, node: Json) -> Json:
    """The schema behind a reference, or the node itself."""
    name = schema_name(node)
    return schemas[name] if name is not None else node


def child_schemas(node: Json) -> Iterator[tuple[str, Json]]:
    """The schemas directly inside this one, each with the place where it stands."""
    for key in _CHILD_LISTS:
        for position, child in enumerate(node.get(key, ())):
            yield f"{key}/{position}", child
    for key in _CHILD_MAPS:
        for name, child in node.get(key, {}).items():
            yield name, child
    for key in _CHILD_SCHEMAS:
        child = node.get(key)
        if isinstance(child, dict):
            yield key, child


def every_schema(node: Json, place: str) -> Iterator[tuple[str, Json]]:
    """The schema and all that are written inside it; references are not followed."""
    yield place, node
    for name, child in child_schemas(node):
        yield from every_schema(child, f"{place}.{name}")


def reached(schemas: Json, roots: Iterator[Json]) -> set[str]:
    """Names of the components that the roots use, directly or through one another."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        for _, node in every_schema(waiting.pop(), ""):
            name = schema_name(node)
            if name is not None and name not in found:
                found.add(name)
                waiting.append(schemas[name])
    return found


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Every operation as (path, method in lower case, operation)."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def media_schemas(content: Json) -> Iterator[Json]:
    for media in content.values():
        if "schema" in media:
            yield media["schema"]


def request_roots(document: Json) -> Iterator[Json]:
    for _, _, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            yield parameter["schema"]
        yield from media_schemas(operation.get("requestBody", {}).get("content", {}))


def response_roots(document: Json) -> Iterator[Json]:
    for _, _, operation in operations(document):
        for response in operation["responses"].values():
            yield from media_schemas(response.get("content", {}))
