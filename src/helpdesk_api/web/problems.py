"""Turns every failure into `application/problem+json` (RFC 9457), the router's own 404 and 405 included."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic_core import ErrorDetails
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from helpdesk_api.database.reachability import is_unreachable
from helpdesk_api.web import errors, trace
from helpdesk_api.web.errors import MAX_ECHO, MAX_PARAMETER, MAX_TEXT, FieldError, ProblemError
from helpdesk_api.web.secret_paths import shown_path

logger = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
_LOCK_NOT_AVAILABLE = "55P03"
_DEADLOCK = "40P01"
_UNIQUE = "23505"
_MAX_ERRORS = 50
# What would fit, as pydantic calls it.
_OF_THE_SCHEMA = frozenset({"expected", "expected_tags", "pattern"})
_PART_OF_ESCAPE = re.compile("%.?$")
_LOGGED = "The error was logged under the request id."
_BY_STATUS: dict[int, type[ProblemError]] = {
    400: errors.MalformedJson,
    404: errors.NotFound,
    405: errors.NotAcceptableMethod,
    413: errors.PayloadTooLarge,
    415: errors.UnsupportedMediaType,
}


def problem_response(request: Request, error: ProblemError) -> Response:
    """The answer for a failure."""
    return Response(
        problem_bytes(error, shown_path(request)),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=error.headers,
    )


def problem_bytes(error: ProblemError, path: str) -> bytes:
    """`params` of the error become extension members."""
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail[:MAX_TEXT],
        "instance": _PART_OF_ESCAPE.sub("", quote(path, safe="/:@!$&'()*+,;=", errors="replace")[:MAX_TEXT]),
        "code": error.code,
        "request_id": trace.request_id.get(),
        "required_scope": getattr(error, "required_scope", None),
        "params": _bounded(error.params),
        "errors": [_field_error(item) for item in error.errors[:_MAX_ERRORS]],
    }
    return json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "replace")


def _field_error(item: FieldError) -> dict[str, Any]:
    return {
        "pointer": _short(item.pointer),
        "parameter": item.parameter and item.parameter[:MAX_PARAMETER],
        "code": item.code,
        "detail": item.detail[:MAX_TEXT],
        "params": _bounded(item.params),
    }


def _bounded(params: Mapping[str, Any]) -> dict[str, Any]:
    """What may be the caller's own text is not sent back whole."""
    return {name: value if name in _OF_THE_SCHEMA else _echo(value) for name, value in params.items()}


def _echo(value: Any) -> Any:
    if isinstance(value, str):
        return value[:MAX_ECHO]
    return [_echo(one) for one in value] if isinstance(value, list | tuple) else value


def _short(pointer: str | None) -> str | None:
    """Half a pointer points nowhere, so the longest that fits is of what the place is in."""
    if pointer is None or len(pointer) <= MAX_TEXT:
        return pointer
    return pointer[: MAX_TEXT + 1].rpartition("/")[0]


def from_validation(failures: Sequence[ErrorDetails], body: Any = None) -> ProblemError:
    """A body that is no JSON is a 400; anything else that does not fit is a 422 with a pointer for each place.

    `body` as it was sent tells pydantic's names of a union's members from the places that it has.
    """
    if failures and failures[0]["type"] == "json_invalid":
        return errors.MalformedJson(str(failures[0].get("ctx", {}).get("error", "")) or None)
    return errors.ValidationFailed(
        f"{len(failures)} part(s) of the request do not fit; see `errors`.",
        errors=[_located(failure, body) for failure in failures[:_MAX_ERRORS]],
    )


def _located(failure: ErrorDetails, body: Any) -> FieldError:
    where, *path = failure["loc"] or ("body",)
    params = {key: value for key, value in failure.get("ctx", {}).items() if isinstance(value, str | int | float)}
    code, detail = str(failure["type"]), str(failure["msg"])
    for name, value in params.items():
        # The same text again, which the reader would have to scroll past to what is wrong with it.
        if isinstance(value, str) and len(value) > MAX_ECHO and name not in _OF_THE_SCHEMA:
            detail = detail.replace(value, value[:MAX_ECHO])
    if where == "body":
        parts = path if body is None else _places(path, body, is_missing=failure["type"] == "missing")
        pointer = "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
        return FieldError(code, detail, pointer=pointer, params=params)
    return FieldError(code, detail, parameter=".".join(str(part) for part in path), params=params)


def _places(path: Sequence[int | str], body: Any, *, is_missing: bool) -> list[int | str]:
    """Those parts that lead somewhere; what is missing is named last, and is nowhere yet."""
    found: list[int | str] = []
    here = body
    for part in path[:-1] if is_missing else path:
        places = here if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        if part in places:
            found.append(part)
            here = here[part]
    return [*found, *path[-1:]] if is_missing else found


def from_database(error: DBAPIError) -> ProblemError:
    """What a constraint or a lock refused; anything else is ours."""
    state = getattr(error.orig, "sqlstate", None)
    if state in {_LOCK_NOT_AVAILABLE, _DEADLOCK}:
        return errors.LockTimeout()
    if state is not None and state.startswith("23"):
        return errors.Conflict("The change contradicts what is stored; it may have changed at the same moment.")
    raise error


def of_one(error: Exception, **named: str) -> ProblemError:
    """What one of several meets that are changed together, each in a savepoint: what the database refused, or a defect
    of ours, logged with what is `named`. Raised again where the database went away, and all with it."""
    if is_unreachable(error):
        raise error
    if isinstance(error, DBAPIError):
        with suppress(DBAPIError):
            return from_database(error)
    logger.error("unhandled_error", **named, exc_info=error)
    return ProblemError(_LOGGED)


def install(app: FastAPI) -> None:
    """Registers the handlers on the application."""

    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)  # noqa: S101 - by registration
        return problem_response(request, error)

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - by registration
        return problem_response(request, from_validation(error.errors(), error.body))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - by registration
        kind = _BY_STATUS.get(error.status_code, errors.BadRequest)
        headers = dict(error.headers or {})
        if error.status_code == errors.NotAcceptableMethod.status:
            headers["Allow"] = ", ".join(_allowed(app, request))
        return problem_response(request, kind(headers=headers))

    async def database(request: Request, error: Exception) -> Response:
        assert isinstance(error, DBAPIError)  # noqa: S101 - by registration
        return problem_response(request, from_database(error))

    app.add_exception_handler(ProblemError, problem)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(DBAPIError, database)


def unexpected(request: Request, error: Exception) -> Response:
    """A database that is away is said to be so; all else is our defect, logged and answered without a traceback."""
    if isinstance(error, ClientDisconnect):
        # Nobody reads the answer.
        return problem_response(request, errors.BadRequest("The sender hung up before the end of the body."))
    if is_unreachable(error):
        logger.warning("database_unreachable", path=shown_path(request), error=str(error)[:500])
        message = "The database does not answer. What was asked may not have been done; the same key makes it safe."
        return problem_response(request, errors.ServiceUnavailable(message, headers={"Retry-After": "1"}))
    logger.error("unhandled_error", path=shown_path(request), exc_info=error)
    return problem_response(request, ProblemError(_LOGGED))


def _allowed(app: FastAPI, request: Request) -> list[str]:
    """Starlette names one route's methods; RFC 9110 wants the resource's. A literal path hides parametric ones."""
    routes = [route for route in app.router.routes if isinstance(route, APIRoute)]
    matching = [route for route in routes if route.path_regex.match(request.scope["path"])]
    fewest = min((route.path_format.count("{") for route in matching), default=0)
    found = [route.methods or set() for route in matching if route.path_format.count("{") == fewest]
    allowed = set().union(*found)
    return sorted(allowed | {"HEAD"} if "GET" in allowed else allowed)
