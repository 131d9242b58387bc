"""What a client written against the baseline would miss or be refused by the document of now.

    python -m tests.contract.breaking openapi/baseline.v1.json openapi/helpdesk.v1.json

Additions pass: new operations, optional parameters, response properties, output enum values (clients treat an unknown
one as `other`). The baseline is the last released document; it is replaced at a release, never to silence a finding.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
METHODS = ("get", "put", "post", "patch", "delete")
# `^(a|b)(,(a|b)){0,n}$`: the one form in which our lists of words are written.
_LIST = re.compile(r"\^(?P<sign>(-\?)?)\((?P<words>[a-z_|]+)\)\(,(?P=sign)\((?P=words)\)\)\{0,(?P<most>\d+)\}\$")
# White space was once written as `\s`, which the server and ECMAScript read differently; spelled out it takes what
# either of them took.
_SPELLED_OUT = r"\t\n\x0b\x0c\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_UPPER_BOUNDS = (
    "maxLength",
    "maximum",
    "maxItems",
    "maxProperties",
    "exclusiveMaximum",
)
_LOWER_BOUNDS = (
    "minLength",
    "minimum",
    "minItems",
    "minProperties",
    "exclusiveMinimum",
)


def breaking_changes(before: Json, after: Json) -> list[str]:
    """One line for each thing that stops working."""
    return list(_Comparison(before, after).operations())


class _Comparison:
    def __init__(self, before: Json, after: Json) -> None:
        self._before, self._after = before, after
        self._met: set[tuple[str, str, str]] = set()

    def operations(self) -> Iterator[str]:
        for path, item in self._before["paths"].items():
            for method in METHODS:
                if method not in item:
                    continue
                place = f"{method.upper()} {path}"
                now = self._after["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"{place}: the operation is gone"
                    continue
                yield from self._operation(place, item[method], now)

    def _operation(self, place: str, old: Json, new: Json) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{place}: operationId {old['operationId']} is now {new['operationId']}: generated clients rename it"
        yield from self._parameters(place, old, new)
        yield from self._body(place, old.get("requestBody"), new.get("requestBody"))
        yield from self._answers(place, old["responses"], new["responses"])
        yield from self._scopes(place, old.get("security", []), new.get("security", []))

    def _parameters(self, place: str, old: Json, new: Json) -> Iterator[str]:
        was = {(p["in"], p["name"].lower()): p for p in self._all(self._before, old.get("parameters", []))}
        now = {(p["in"], p["name"].lower()): p for p in self._all(self._after, new.get("parameters", []))}
        for key, parameter in was.items():
            if key not in now:
                yield f"{place}: the parameter {parameter['name']} is gone"
            else:
                yield from self._request_schema(
                    f"{place} ?{parameter['name']}",
                    parameter["schema"],
                    now[key]["schema"],
                )
        for key, parameter in now.items():
            if parameter.get("required") and not was.get(key, {}).get("required"):
                yield f"{place}: the parameter {parameter['name']} is now required"

    def _body(self, place: str, old: Json | None, new: Json | None) -> Iterator[str]:
        if new is None:
            if old is not None:
                yield f"{place}: the request body is gone"
            return
        if new.get("required") and not (old or {}).get("required"):
            yield f"{place}: the request body is now required"
        for media, content in (old or {}).get("content", {}).items():
            if media not in new["content"]:
                yield f"{place}: the request body is no longer taken as {media}"
            else:
                yield from self._request_schema(f"{place} body", content["schema"], new["content"][media]["schema"])

    def _answers(self, place: str, old: Json, new: Json) -> Iterator[str]:
        for status, answer in old.items():
            if status not in new:
                if status.startswith(("2", "3")):
                    yield f"{place}: the answer {status} is gone"
                continue
            was, now = (
                self._one(self._before, answer),
                self._one(self._after, new[status]),
            )
            for header in was.get("headers", {}):
                if header not in now.get("headers", {}):
                    yield f"{place} {status}: the header {header} is gone"
            for media, content in was.get("content", {}).items():
                if media not in now.get("content", {}):
                    yield f"{place} {status}: no longer answered as {media}"
                else:
                    yield from self._answer_schema(
                        f"{place} {status}",
                        content["schema"],
                        now["content"][media]["schema"],
                    )
        yield from (
            f"{place}: the answer {status} is new, and clients do not expect it"
            for status in new
            if status.startswith("2") and status not in old
        )

    def _scopes(self, place: str, old: list[Json], new: list[Json]) -> Iterator[str]:
        was = {scope for one in old for scopes in one.values() for scope in scopes}
        for scope in sorted({scope for one in new for scopes in one.values() for scope in scopes} - was):
            yield f"{place}: it now needs the scope {scope}"
        if any(not one for one in old) and not any(not one for one in new):
            yield f"{place}: it was public"

    def _request_schema(self, place: str, old: Json, new: Json) -> Iterator[str]:
        """What was accepted must be accepted still."""
        if self._is_repeated("request", old, new):
            return
        old, new = self._one(self._before, old), self._one(self._after, new)
        lost_types = _types(old) - _types(new)
        if lost_types and _types(new):
            yield f"{place}: {', '.join(sorted(lost_types))} is no longer accepted"
        yield from self._tightened(place, old, new)
        for name, child in old.get("properties", {}).items():
            if name not in new.get("properties", {}):
                if new.get("additionalProperties") is False:
                    yield f"{place}: no longer takes {name}"
            else:
                yield from self._request_schema(f"{place}.{name}", child, new["properties"][name])
        for name in new.get("required", ()):
            if name not in old.get("required", ()):
                yield f"{place}: {name} is now required"
        if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
            yield from self._request_schema(f"{place}[]", old["items"], new["items"])
        yield from self._choices(place, old, new, is_request=True)

    def _tightened(self, place: str, old: Json, new: Json) -> Iterator[str]:
        if "enum" in new and (gone := [v for v in old.get("enum", ()) if v not in new["enum"]]):
            yield f"{place}: no longer accepts {', '.join(map(str, gone))}"
        if "enum" in new and "enum" not in old and "const" not in old:
            yield f"{place}: is now limited to a list of values"
        for key in _UPPER_BOUNDS:
            if key in new and new[key] < old.get(key, float("inf")):
                yield f"{place}: {key} is now {new[key]}"
        for key in _LOWER_BOUNDS:
            if key in new and new[key] > old.get(key, float("-inf")) and (key in old or new[key] > 0):
                yield f"{place}: {key} is now {new[key]}"
        if "format" in new and new["format"] != old.get("format"):
            yield f"{place}: format is now {new['format']}"
        if "pattern" in new and not _takes_all_of(new["pattern"], old.get("pattern")):
            yield f"{place}: pattern is now {new['pattern']}"

    def _answer_schema(self, place: str, old: Json, new: Json) -> Iterator[str]:
        """What was answered must be answered still, in the same type."""
        if self._is_repeated("answer", old, new):
            return
        old, new = self._one(self._before, old), self._one(self._after, new)
        if "properties" in old and "discriminator" in new:
            # What was one shape is told apart now; each of its shapes must be the old one still.
            for choice in new["oneOf"]:
                yield from self._answer_schema(place, old, choice)
            return
        gained_types = _types(new) - _types(old)
        if gained_types and _types(old):
            yield f"{place}: may now be {', '.join(sorted(gained_types))}"
        for name, child in old.get("properties", {}).items():
            if name not in new.get("properties", {}):
                yield f"{place}: {name} is no longer answered"
                continue
            yield from self._answer_schema(f"{place}.{name}", child, new["properties"][name])
            if name in old.get("required", ()) and name not in new.get("required", ()):
                yield f"{place}: {name} is no longer always there"
        if "format" in old and old["format"] != new.get("format"):
            yield f"{place}: format was {old['format']}"
        if "enum" in old and (
            gone := [v for v in old["enum"] if v not in (new["enum"] if "enum" in new else old["enum"])]
        ):
            yield f"{place}: the value {', '.join(map(str, gone))} is gone, and clients that wait for it wait for ever"
        for key in ("items", "additionalProperties"):
            if isinstance(old.get(key), dict) and isinstance(new.get(key), dict):
                yield from self._answer_schema(f"{place}[]", old[key], new[key])
        yield from self._choices(place, old, new, is_request=False)

    def _choices(self, place: str, old: Json, new: Json, *, is_request: bool) -> Iterator[str]:
        for key in ("anyOf", "oneOf"):
            was, now = old.get(key, []), new.get(key, [])
            names_was, names_now = (
                [_label(choice) for choice in was],
                [_label(choice) for choice in now],
            )
            lost, gained = (
                set(names_was) - set(names_now),
                set(names_now) - set(names_was),
            )
            if is_request and was and lost:
                yield f"{place}: no longer takes {', '.join(sorted(lost))}"
            if not is_request and was and gained:
                yield f"{place}: may now be {', '.join(sorted(gained))}"
            for name in set(names_was) & set(names_now):
                pair = was[names_was.index(name)], now[names_now.index(name)]
                yield from (self._request_schema if is_request else self._answer_schema)(place, *pair)

    def _is_repeated(self, direction: str, old: Json, new: Json) -> bool:
        """A named schema is compared once in each direction; without this a recursive one would never end."""
        if "$ref" not in old or "$ref" not in new:
            return False
        key = (direction, old["$ref"], new["$ref"])
        known = key in self._met
        self._met.add(key)
        return known

    def _one(self, document: Json, node: Json) -> Json:
        while "$ref" in node:
            found: Any = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def _all(self, document: Json, nodes: list[Json]) -> list[Json]:
        return [self._one(document, node) for node in nodes]


def _takes_all_of(new: str, old: str | None) -> bool:
    """Whether a list of words takes every word and every length that it took before, be it as one way of several;
    other patterns must be equal but for how they write white space."""
    if old in (new, new.replace(_SPELLED_OUT, r"\s")):
        return True
    before, after = _LIST.fullmatch(old or ""), _LIST.fullmatch(new)
    if before is None or after is None:
        # A list that has become one of several ways to say it.
        return any(_takes_all_of(f"^{way}$", old) for way in _alternatives(new))
    words = set(before["words"].split("|")) <= set(after["words"].split("|"))
    return words and before["sign"] == after["sign"] and int(before["most"]) <= int(after["most"])


def _alternatives(pattern: str) -> list[str]:
    """The ways of `^(one|another)$`, or none of anything else."""
    if not (pattern.startswith("^(") and pattern.endswith(")$")):
        return []
    ways, depth = [""], 0
    for character in pattern[2:-2]:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return []
        if character == "|" and depth == 0:
            ways.append("")
        else:
            ways[-1] += character
    return ways if len(ways) > 1 else []


def _types(schema: Json) -> set[str]:
    kind = schema.get("type")
    found = set(kind) if isinstance(kind, list) else {kind} if isinstance(kind, str) else set()
    return found | {"number"} if "integer" in found else found


def _label(schema: Json) -> str:
    return str(schema.get("$ref") or schema.get("const") or schema.get("type") or json.dumps(schema, sort_keys=True))


def main(arguments: list[str]) -> int:
    before, after = (json.loads(Path(name).read_text(encoding="utf-8")) for name in arguments)
    found = breaking_changes(before, after)
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
