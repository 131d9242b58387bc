"""Links from what makes a record to what can be done with it, so that people and stateful testers can go on."""

import re

from helpdesk_api.web.openapi.nodes import Json, operations, resolve

_PARAMETER = re.compile(r"\{([^}]+)\}")


def add_links(document: Json) -> None:
    """From each list and each creation to every operation one path below it that takes its `id`."""
    every = list(operations(document))
    schemas = document["components"]["schemas"]
    for path, method, operation in every:
        source = _source(schemas, method, operation)
        if source is None:
            continue
        status, expression = source
        below = re.compile(re.escape(path) + r"/\{([^}]+)\}(/[a-z-]+)?")
        links: Json = {}
        for target_path, _, target in every:
            match = below.fullmatch(target_path)
            if match is None:
                continue
            parameters = {name: f"$request.path.{name}" for name in _PARAMETER.findall(path)}
            parameters[match.group(1)] = expression
            if "ETag" in operation["responses"][status]["headers"] and _takes_if_match(target):
                parameters["header.If-Match"] = "$response.header.ETag"
            name = target["operationId"][0].upper() + target["operationId"][1:]
            links[name] = {
                "operationId": target["operationId"],
                "parameters": parameters,
            }
        if links:
            operation["responses"][status]["links"] = links


def _takes_if_match(operation: Json) -> bool:
    return any(parameter.get("name") == "If-Match" for parameter in operation.get("parameters", ()))


def _source(schemas: Json, method: str, operation: Json) -> tuple[str, str] | None:
    """Where in which answer an id stands: the new record's, or the first of a list."""
    for status in ("201", "200"):
        content = operation["responses"].get(status, {}).get("content", {}).get("application/json")
        if content is None:
            continue
        properties = resolve(schemas, content["schema"]).get("properties", {})
        if method == "post" and status == "201" and "id" in properties:
            return status, "$response.body#/id"
        items = properties.get("data", {}).get("items")
        if method == "get" and items is not None and "id" in resolve(schemas, items).get("properties", {}):
            return status, "$response.body#/data/0/id"
    return None
