"""What every route refuses before its own code runs: parameters that it does not have, bodies that are not JSON, and
what Python would read where there is nothing to read: bytes that are no UTF-8, `1_0` for ten, `on` for true."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, get_args
from urllib.parse import unquote_to_bytes

from fastapi import Request, params
from fastapi._compat import field_annotation_is_sequence
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from helpdesk_api.web.errors import BadRequest, FieldError, UnsupportedMediaType, ValidationFailed
from helpdesk_api.web.json_bodies import read_json

_JSON = frozenset({"application/json"})
_PATCH = frozenset({"application/json", "application/merge-patch+json"})
# What Python reads in a number besides its digits.
_NO_DIGITS = re.compile(r"[_+.\s]|[^\x00-\x7f]")
_BOOLEANS = frozenset({"true", "false"})
# Headers that say one thing. Others may come in several lines, which are one list (RFC 9110, 5.3).
_SAID_ONCE = {
    name.lower().encode(): name
    for name in (
        "Authorization",
        "Content-Encoding",
        "Content-Type",
        "Idempotency-Key",
        "If-Range",
        "Last-Event-ID",
        "Occurred-At",
        "Range",
    )
}
# What is put for bytes that say nothing.
_REPLACEMENT = "\ufffd"


class UnknownParameter(BadRequest):
    code = "unknown_parameter"
    title = "There is no such parameter here"


class AddressNotUtf8(BadRequest):
    code = "address_not_utf8"
    title = "The address is not UTF-8"
    default_detail = "Paths and query strings are ASCII, in which other characters stand as UTF-8 behind percent signs."


class RepeatedParameter(BadRequest):
    code = "repeated_parameter"
    title = "This parameter is given more than once"
    default_detail = "It takes one value, and which of them is meant nobody can tell."


async def refuse_repeated_headers(request: Request) -> None:
    """Before anybody asks who is calling, since that may be said twice too. Raises `repeated_parameter`."""
    names = [name for name, _ in request.scope["headers"]]
    if len(set(names)) == len(names):
        return
    for name, count in Counter(names).items():
        if count > 1 and name in _SAID_ONCE:
            raise RepeatedParameter(parameter=_SAID_ONCE[name])


class RequestShape:
    """A check made for one route from what the route declares."""

    def __init__(self, route: APIRoute) -> None:
        self._route = route
        self._media = _PATCH if "PATCH" in (route.methods or ()) else _JSON
        self._known: frozenset[str] | None = None
        self._numbers: frozenset[str] = frozenset()
        self._booleans: frozenset[str] = frozenset()
        self._lists: frozenset[str] = frozenset()

    async def __call__(self, request: Request) -> None:
        """Raises `address_not_utf8`, `unknown_parameter`, `repeated_parameter`, `malformed_json`, `number_too_large`,
        `repeated_name` (400), `unsupported_media_type` (415) and `validation_failed`."""
        query: bytes = request.scope["query_string"]
        if query or request.path_params:
            self._check_parameters(request, query)
        body = self._route.body_field
        if body is not None and not isinstance(body.field_info, params.Form) and (content := await request.body()):
            self._check_media(request)
            # Where Starlette keeps what it has read, so that nobody reads it again by Python's laxer rules.
            request._json = _read(content)  # noqa: SLF001

    def _check_media(self, request: Request) -> None:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media not in self._media:
            message = f"This takes {' or '.join(sorted(self._media))}."
            headers = {"Accept": ", ".join(self._media)}
            raise UnsupportedMediaType(message, parameter="Content-Type", headers=headers)
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            message = "Bodies are taken as they are, and not compressed."
            headers = {"Accept-Encoding": "identity"}
            raise UnsupportedMediaType(message, parameter="Content-Encoding", headers=headers)

    def _check_parameters(self, request: Request, query: bytes) -> None:
        if self._known is None:
            fields = list(_fields(self._route.dependant))
            self._numbers = frozenset(field.alias for field in fields if _is_of(int, field))
            self._booleans = frozenset(field.alias for field in fields if _is_of(bool, field))
            self._lists = frozenset(
                field.alias for field in fields if field_annotation_is_sequence(field.field_info.annotation)
            )
            self._known = frozenset(field.alias for field in fields if isinstance(field.field_info, params.Query))
        _check_path(request)
        given = request.query_params.multi_items() if query else ()
        for name, _ in given:
            if name not in self._known:
                _check_query(query, [(name, "")])
                self._refuse_unknown(name)
        _check_query(query, given)
        if len(given) != len(request.query_params):
            self._refuse_repeated(given)
        if self._numbers or self._booleans:
            self._check_words((*request.path_params.items(), *given))

    def _refuse_repeated(self, given: Sequence[tuple[str, str]]) -> None:
        for name, count in Counter(name for name, _ in given).items():
            if count > 1 and name not in self._lists:
                raise RepeatedParameter(parameter=name)

    def _check_words(self, given: Sequence[tuple[str, str]]) -> None:
        """Numbers and booleans as JSON writes them, which is how the document says that they are written."""
        wrong = []
        for name, value in given:
            if name in self._numbers and _NO_DIGITS.search(value):
                message = "Input should be a valid integer, in plain digits"
                wrong.append(FieldError("int_parsing", message, parameter=name))
            elif name in self._booleans and value not in _BOOLEANS:
                message = "Input should be a valid boolean, `true` or `false`"
                wrong.append(FieldError("bool_parsing", message, parameter=name))
        if wrong:
            raise ValidationFailed(errors=wrong)

    def _refuse_unknown(self, name: str) -> None:
        listed = ", ".join(sorted(self._known or ())) or "none"
        message = f"`{_shown(name)[:50]}` is not a parameter of this operation; known are: {listed}."
        raise UnknownParameter(message, parameter=_shown(name)[:200])


def _read(content: bytes) -> Any:
    """Raises for what is no JSON what FastAPI raises."""
    try:
        return read_json(content)
    except json.JSONDecodeError as error:
        wrong = {"type": "json_invalid", "loc": ("body", error.pos), "msg": "JSON decode error", "input": {}}
        raise RequestValidationError([{**wrong, "ctx": {"error": error.msg}}], body=error.doc) from error


def _fields(dependant: Dependant) -> Iterator[Any]:
    yield from dependant.path_params
    yield from dependant.query_params
    for child in dependant.dependencies:
        yield from _fields(child)


def _is_of(kind: type, field: Any) -> bool:
    annotation = field.field_info.annotation
    return annotation is kind or kind in get_args(annotation)


def _check_path(request: Request) -> None:
    """The server has decoded it, and put U+FFFD for what it could not."""
    if _REPLACEMENT not in request.scope["path"]:
        return
    if _is_utf8(request.scope.get("raw_path") or b""):
        return
    named = (name for name, value in request.path_params.items() if _REPLACEMENT in value)
    raise AddressNotUtf8(parameter=next(named, None))


def _check_query(query: bytes, given: Sequence[tuple[str, str]]) -> None:
    """`given` as Starlette has read it, and put U+FFFD for what it could not."""
    if query.isascii() and not any(_REPLACEMENT in value or _REPLACEMENT in name for name, value in given):
        return
    wrong = next((part for part in query.split(b"&") if not _is_utf8(part)), None)
    if wrong is not None:
        name = unquote_to_bytes(wrong.partition(b"=")[0]).decode(errors="replace")
        raise AddressNotUtf8(parameter=_shown(name)[:200])


def _is_utf8(written: bytes) -> bool:
    try:
        unquote_to_bytes(written).decode()
    except UnicodeDecodeError:
        return False
    return written.isascii()


def _shown(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name)
