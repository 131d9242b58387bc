"""Hostile variants of one operation's requests, made from the document alone, each with the answer that it must get."""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
JSON_TYPE = {"content-type": "application/json"}
DEEP = b"[" * 50_000
TYPED_PREFIX = re.compile(r"\^\(?(?:\?:)?([a-z]{2,6})_")


@dataclass(frozen=True)
class Attempt:
    """One request, and what it must be answered: status, code, and where the mistake is said to be."""

    name: str
    status: int
    code: str
    content: bytes | None = None
    headers: Json = field(default_factory=lambda: dict(JSON_TYPE))
    query: Json = field(default_factory=dict)
    path: Json = field(default_factory=dict)
    pointer: str | None = None
    parameter: str | None = None


class Operation:
    """One operation of the document, with what is needed to call it."""

    def __init__(self, document: Json, path: str, method: str, node: Json) -> None:
        self.document, self.path, self.method, self.node = document, path, method, node
        self.parameters = [self.resolve(one) for one in node.get("parameters", [])]
        content = node.get("requestBody", {}).get("content", {})
        self.body = content.get("application/json")
        self.is_public = node["security"] == [{}]

    def resolve(self, node: Json) -> Json:
        while "$ref" in node:
            _, _, kind, name = node["$ref"].split("/", 3)
            node = self.document["components"][kind][name]
        return node

    def valid_body(self) -> bytes | None:
        return json.dumps(self.body["example"]).encode() if self.body else None

    def attempts(self) -> Iterator[Attempt]:
        yield from self._parameters()
        yield Attempt(
            "unknown parameter",
            400,
            "unknown_parameter",
            content=self.valid_body(),
            query={"no_such_parameter": "1"},
            parameter="no_such_parameter",
        )
        for name in [one["name"] for one in self.parameters if one["in"] == "query"][:1]:
            content, twice = self.valid_body(), {name: ["1", "1"]}
            yield Attempt("one twice", 400, "repeated_parameter", content=content, query=twice, parameter=name)
        if self.body is not None:
            yield from self._whole_bodies()
            schema = self.resolve(self.body["schema"])
            if "properties" in schema:
                yield from self._properties(schema)

    def _whole_bodies(self) -> Iterator[Attempt]:
        good = self.valid_body()
        yield Attempt("malformed JSON", 400, "malformed_json", content=b'{"a": ')
        yield Attempt("a name twice", 400, "repeated_name", content=b'{"a": 1, "b": [{"c": 2, "c": 2}]}')
        yield Attempt("deep JSON", 400, "malformed_json", content=DEEP)
        yield Attempt("invalid UTF-8", 400, "malformed_json", content=b'{"a": "\xff\xfe"}')
        yield Attempt("half a surrogate in bytes", 400, "malformed_json", content=b'{"a": "\xed\xa0\x80"}')
        yield Attempt("UTF-16", 400, "malformed_json", content=(good or b"").decode().encode("utf-16"))
        yield Attempt("NaN", 400, "malformed_json", content=b'{"a": NaN}')
        yield Attempt("5000 digits", 400, "number_too_large", content=b'{"a": %b}' % (b"9" * 5_000))
        yield Attempt("no double", 400, "number_too_large", content=b'{"a": 1e400}')
        yield Attempt(
            "plain text",
            415,
            "unsupported_media_type",
            content=good,
            headers={"content-type": "text/plain"},
        )
        yield Attempt("no content type", 415, "unsupported_media_type", content=good, headers={})
        yield Attempt("a list", 422, "validation_failed", content=b"[1]", pointer="#")
        yield Attempt("null", 422, "validation_failed", content=b"null", pointer="#")

    def _properties(self, schema: Json) -> Iterator[Attempt]:
        example = self.body["example"]
        unknown = {**example, "no_such_field": 1}
        yield self._invalid("unknown field", unknown, "no_such_field")
        for name in schema.get("required", []):
            yield self._invalid(f"no {name}", {k: v for k, v in example.items() if k != name}, name)
        for name, raw in schema["properties"].items():
            for title, value in self._wrong_values(raw):
                yield self._invalid(f"{name}: {title}", {**copy.deepcopy(example), name: value}, name)

    def _invalid(self, name: str, body: Json, field_name: str) -> Attempt:
        content = json.dumps(body).encode()
        return Attempt(name, 422, "validation_failed", content=content, pointer=f"#/{field_name}")

    def _wrong_values(self, raw: Json) -> Iterator[tuple[str, Any]]:
        choices = [self.resolve(one) for one in raw.get("anyOf", [raw])]
        kinds = {kind for one in choices for kind in _kinds(one)}
        if "object" not in kinds and not any("properties" in one or "oneOf" in one for one in choices):
            yield "an object", {"wrong": "type"}
        if "string" in kinds:
            yield "NUL", "a\x00b"
            yield "half a surrogate", "\ud800"
            for one in choices:
                if "enum" in one:
                    yield "unknown value", "no_such_value"
                elif one.get("format") == "date-time":
                    yield "no zone", "2026-03-02T08:15:00"
                    yield "1969 in UTC", "1970-01-01T00:00:00+14:00"
                    yield "9000 in UTC", "8999-12-31T23:59:59-23:59"
                    yield "no instant", "tomorrow"
                    yield "seconds as text", "1772439300"
                    yield "year 0", "0000-01-01T00:00:00Z"
                if "maxLength" in one and one["maxLength"] <= 200_000:
                    yield "too long", "a" * (one["maxLength"] + 1)
        if kinds & {"integer", "boolean"} and "string" not in kinds:
            yield "a number as text", "1"
            yield "the other of number and boolean", True if "integer" in kinds else 1
        if "integer" in kinds:
            yield "beyond every integer", 10**30
        if "string" in kinds:
            yield "a number", 17
        if "array" in kinds:
            yield (
                "too many",
                [None] * (next(one["maxItems"] for one in choices if "maxItems" in one) + 1),
            )
        if kinds and "null" not in kinds and not any("null" in _kinds(one) for one in choices):
            yield "null", None

    def _parameters(self) -> Iterator[Attempt]:
        for parameter in self.parameters:
            name, schema = parameter["name"], self.resolve(parameter["schema"])
            if parameter["in"] == "path" and TYPED_PREFIX.match(schema.get("pattern", "")):
                foreign = "zzz_0190a6f3e1d87c3aa1b2c3d4e5f60718"
                yield Attempt(
                    f"{name} of another kind",
                    422,
                    "validation_failed",
                    content=self.valid_body(),
                    path={name: foreign},
                    parameter=name,
                )
            elif parameter["in"] == "query" and name == "cursor":
                yield Attempt(
                    "foreign cursor",
                    400,
                    "invalid_cursor",
                    query={name: "AAAAAAAAAAAA"},
                    parameter=name,
                )
            elif parameter["in"] == "query":
                yield from self._query(name, schema)

    def _query(self, name: str, schema: Json) -> Iterator[Attempt]:
        kinds = _kinds(schema)
        wrong = {"integer": "many", "boolean": "perhaps"}.get(next(iter(kinds), ""))
        if "enum" in schema or wrong or schema.get("format") in {"date-time", "date"}:
            yield Attempt(
                f"?{name}",
                422,
                "validation_failed",
                query={name: wrong or "no_such_value"},
                parameter=name,
            )
        elif "string" in kinds:
            yield Attempt(
                f"?{name} with NUL",
                422,
                "validation_failed",
                query={name: "a\x00b"},
                parameter=name,
            )


def _kinds(schema: Json) -> set[str]:
    kind = schema.get("type")
    return set(kind) if isinstance(kind, list) else {kind} if isinstance(kind, str) else set()
