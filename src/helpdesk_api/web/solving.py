"""The dependencies of an operation, laid out once as a list of steps.

FastAPI walks the tree of dependencies anew for each request and asks each of them what it is; what an operation
declares does not change while it is served. Parameters and bodies are read by FastAPI's own functions, so that the same
is accepted and refused in the same words.
"""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request, params
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, serialize_response
from fastapi.utils import is_body_allowed_for_status_code
from pydantic_core import PydanticUndefined
from starlette.responses import Response

Solved = Callable[[Request, AsyncExitStack], Awaitable[Response]]
"""Answers one request; what the dependencies opened is closed with the stack, which commits."""
_FAILED = object()


class NotLaidOutError(Exception):
    """The operation declares something that only FastAPI's own walk knows, such as a form or a cookie."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One dependency; `takes` are the results of earlier steps, by name where the function asks for them."""

    call: Callable[..., Any]
    is_generator: bool
    is_class: bool
    takes: tuple[tuple[str | None, int], ...]
    path: list[Any]
    query: list[Any]
    headers: list[Any]
    requests: tuple[str, ...]
    response: str | None

    def read(
        self,
        request: Request,
        held: "_HeldResponse",
        results: list[Any],
        values: dict[str, Any],
        errors: list[Any],
    ) -> bool:
        """Fills in the arguments; False when one of them could not be had."""
        complete = True
        for name, index in self.takes:
            found = results[index]
            if found is _FAILED:
                complete = False
            elif name is not None:
                values[name] = found
        for fields, given in ((self.path, "path_params"), (self.query, "query_params"), (self.headers, "headers")):
            if fields:
                found, wrong = request_params_to_args(fields, getattr(request, given))
                values.update(found)
                if wrong:
                    errors.extend(wrong)
                    complete = False
        for name in self.requests:
            values[name] = request
        if self.response is not None:
            values[self.response] = held.response()
        return complete


class _HeldResponse:
    """The `response` parameter: what functions set on it is joined to the answer. Made when the first one asks."""

    __slots__ = ("_response",)

    def __init__(self) -> None:
        self._response: Response | None = None

    def response(self) -> Response:
        if self._response is None:
            self._response = Response()
            del self._response.headers["content-length"]
            # Unset, and so the operation's own.
            self._response.status_code = None  # type: ignore[assignment]
        return self._response

    def status(self, declared: int) -> int:
        return (self._response and self._response.status_code) or declared

    def join(self, answer: Response) -> Response:
        if self._response is not None:
            answer.headers.raw.extend(self._response.headers.raw)
        return answer


def lay_out(route: APIRoute, dependant: Dependant) -> Solved:
    """The operation with these dependencies. Raises NotLaidOutError."""
    steps: list[_Step] = []
    _add(dependant, steps, {}, is_operation=True)
    *before, operation = steps
    body_fields, body_field = dependant.body_params, route.body_field
    if body_field is not None and isinstance(body_field.field_info, params.Form):
        raise NotLaidOutError
    if not isinstance(route.response_class, DefaultPlaceholder) or _cuts_its_answer(route):
        raise NotLaidOutError
    answer = _answering(route)

    async def solve(request: Request, stack: AsyncExitStack) -> Response:
        body = await _read_body(request) if body_field is not None else PydanticUndefined
        results: list[Any] = []
        errors: list[Any] = []
        held = _HeldResponse()
        for step in before:
            values: dict[str, Any] = {}
            if not step.read(request, held, results, values, errors):
                results.append(_FAILED)
            elif step.is_generator:
                results.append(await stack.enter_async_context(asynccontextmanager(step.call)(**values)))
            elif step.is_class:
                results.append(step.call(**values))
            else:
                results.append(await step.call(**values))
        values = {}
        operation.read(request, held, results, values, errors)
        if body_fields:
            embeds: bool = route._embed_body_fields  # noqa: SLF001
            found, wrong = await request_body_to_args(body_fields, body, embed_body_fields=embeds)
            values.update(found)
            errors.extend(wrong)
        if errors:
            raise RequestValidationError(errors, body=None if body is PydanticUndefined else body)
        return await answer(await operation.call(**values), held)

    return solve


def _cuts_its_answer(route: APIRoute) -> bool:
    """Whether the answer is anything but the whole model by its public names, as `_answering` writes it."""
    return (
        route.response_model_include is not None
        or route.response_model_exclude is not None
        or route.response_model_exclude_unset
        or route.response_model_exclude_defaults
        or route.response_model_exclude_none
        or not route.response_model_by_alias
    )


def _add(
    dependant: Dependant, steps: list[_Step], known: dict[Callable[..., Any], int], *, is_operation: bool = False
) -> int:
    """Lays out what it needs, then itself; what two dependants share is asked once."""
    call = dependant.call
    if call is None or not _is_plain(dependant, is_operation=is_operation):
        raise NotLaidOutError
    if call in known and dependant.use_cache:
        return known[call]
    takes = tuple((child.name, _add(child, steps, known)) for child in dependant.dependencies)
    requests = (dependant.request_param_name, dependant.http_connection_param_name)
    step = _Step(
        call,
        _is_generator(call),
        isinstance(call, type),
        takes,
        dependant.path_params,
        dependant.query_params,
        dependant.header_params,
        tuple(name for name in requests if name is not None),
        dependant.response_param_name,
    )
    steps.append(step)
    known[call] = len(steps) - 1
    return known[call]


def _is_plain(dependant: Dependant, *, is_operation: bool) -> bool:
    call = dependant.call
    special = (
        dependant.cookie_params,
        dependant.websocket_param_name,
        dependant.background_tasks_param_name,
        dependant.security_scopes_param_name,
        dependant.own_oauth_scopes,
        dependant.concurrency,
        dependant.body_params if not is_operation else None,
    )
    if any(special):
        return False
    if _is_generator(call):
        return not is_operation and dependant.scope == "function"
    if isinstance(call, type):
        # Held values, made at once: FastAPI would ask a thread for them.
        return not is_operation
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004


def _is_generator(call: Any) -> bool:
    return inspect.isasyncgenfunction(call)


async def _read_body(request: Request) -> Any:
    """As `RequestShape` has read it."""
    return await request.json() if await request.body() else PydanticUndefined


def _answering(route: APIRoute) -> Callable[[Any, _HeldResponse], Awaitable[Response]]:
    declared = route.status_code or 200

    async def answer(result: Any, held: _HeldResponse) -> Response:
        if isinstance(result, Response):
            return result
        status = held.status(declared)
        if not is_body_allowed_for_status_code(status):
            return held.join(Response(status_code=status))
        content = await serialize_response(field=route.response_field, response_content=result, dump_json=True)
        return held.join(Response(content, status, media_type="application/json"))

    return answer
