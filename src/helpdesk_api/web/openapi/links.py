"""Links from what makes or lists a record to what can be done with it, for people and for stateful testers."""

import re
from collections.abc import Iterator

from helpdesk_api.web.openapi.nodes import Json, operations, resolve
from helpdesk_api.web.routing import MAY_BE_MISSING

_PARAMETER = re.compile(r"\{([^}]+)\}")
# (name of the property, prefix of the id) to the expression that reads it.
_Ids = dict[tuple[str, str], str]
_KIND = re.compile(r"([a-z]{2,6})_\[0-9a-f\]\{32\}")


def add_links(document: Json) -> None:
    """From each creation to every operation whose path can be filled with what it answers, the new id among it.

    From each list to the operations on its first row, and from each record to the changes that want its ETag.
    """
    every = list(operations(document))
    promised = [one for one in every if not one[2].pop(MAY_BE_MISSING, False)]
    schemas = document["components"]["schemas"]
    for path, method, operation in every:
        if method == "get" and "ETag" in operation["responses"]["200"]["headers"]:
            _link_to_changes(path, operation, [target for place, _, target in every if place == path])
            continue
        source = _source(schemas, path, method, operation)
        if source is None:
            continue
        links: Json = {}
        for target_path, target_method, target in promised:
            values = source.fill(target_path, target) if (target_path, target_method) != (path, method) else None
            if values is not None:
                links[_link_name(target)] = {"operationId": target["operationId"], "parameters": values}
        if links:
            operation["responses"][source.status]["links"] = links


def _link_to_changes(path: str, operation: Json, beside: list[Json]) -> None:
    kept = {name: f"$request.path.{name}" for name in _PARAMETER.findall(path)}
    links = {
        _link_name(target): {
            "operationId": target["operationId"],
            "parameters": {**kept, "header.If-Match": "$response.header.ETag"},
        }
        for target in beside
        if _takes_if_match(target)
    }
    if links:
        operation["responses"]["200"]["links"] = links


def _link_name(target: Json) -> str:
    return str(target["operationId"][0].upper() + target["operationId"][1:])


def _takes_if_match(target: Json) -> bool:
    return any(one.get("name") == "If-Match" for one in target.get("parameters", ()))


class _Source:
    """An answer that holds ids: the new record's own and those that it refers to."""

    def __init__(self, path: str, status: str, expressions: _Ids, own: str, *, etag: bool) -> None:
        self.status = status
        self._path, self._expressions, self._own, self._etag = path, expressions, own, etag

    def fill(self, target_path: str, target: Json) -> Json | None:
        """Values for the target's path parameters, or None when one cannot be had or none is the record's own id."""
        inherited = set(_PARAMETER.findall(self._path))
        declared = {one["name"]: one for one in target.get("parameters", ()) if one.get("in") == "path"}
        values: Json = {}
        for name in _PARAMETER.findall(target_path):
            if name in inherited:
                values[name] = f"$request.path.{name}"
                continue
            found = self._find(name, declared[name]["schema"].get("pattern", ""), set(values.values()))
            if found is None:
                return None
            values[name] = found
        if self._own not in values.values():
            return None
        if self._etag and _takes_if_match(target):
            values["header.If-Match"] = "$response.header.ETag"
        return values

    def _find(self, name: str, pattern: str, taken: set[str]) -> str | None:
        kind = _KIND.search(pattern)
        if kind is None:
            return None
        offered = [(key, value) for key, value in self._expressions.items() if key[1] == kind.group(1)]
        named = [value for key, value in offered if key[0] == name]
        free = [value for _, value in offered if value not in taken]
        return next(iter([*named, *free]), None)


def _source(schemas: Json, path: str, method: str, operation: Json) -> _Source | None:
    for status in ("201", "200"):
        answer = operation["responses"].get(status, {})
        content = answer.get("content", {}).get("application/json")
        if content is None:
            continue
        schema = resolve(schemas, content["schema"])
        properties = schema.get("properties", {})
        if method == "post" and status == "201" and "id" in properties:
            expressions = dict(_ids(properties, "$response.body#"))
            return _Source(path, status, expressions, "$response.body#/id", etag="ETag" in answer["headers"])
        items = resolve(schemas, properties.get("data", {}).get("items", {})).get("properties", {})
        if method == "get" and "id" in items:
            own = {key: value for key, value in _ids(items, "$response.body#/data/0") if key[0] == "id"}
            return _Source(path, status, own, "$response.body#/data/0/id", etag=False)
    return None


def _ids(properties: Json, root: str) -> Iterator[tuple[tuple[str, str], str]]:
    """((property, kind), expression) of each id that is always there, the record's own first."""
    for name, schema in sorted(properties.items(), key=lambda item: item[0] != "id"):
        kind = _KIND.search(schema.get("pattern", ""))
        if kind is not None and schema.get("type") == "string":
            yield (name, kind.group(1)), f"{root}/{name}"
