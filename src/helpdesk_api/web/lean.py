"""A request pays for the parameters that it gives, not for those that its operation offers.

FastAPI looks for every declared parameter of every request, and that is a third of a list's time. So each set of given
parameters has a handler of its own, made at its first use, which knows the given and the required ones; the others
keep their defaults in Python, which are the declared ones.
"""

import inspect
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from helpdesk_api.web.solving import NotLaidOutError, Solved, lay_out

Given = tuple[frozenset[str], frozenset[str]]
# Beyond this many sets somebody is trying them all; the rest share the handler that knows everything.
MAX_HANDLERS = 200


class LeanHandlers:
    """The handlers of one route; none for an operation that only FastAPI itself can solve."""

    def __init__(self, route: APIRoute) -> None:
        self._route = route
        self._optional: Given | None = None
        self._handlers: dict[Given, Solved] = {}
        self._full: Solved | None = None

    def handler_for(self, request: Request) -> Solved | None:
        if self._optional is None:
            # At the first request, since a route's dependencies are complete only after its construction.
            self._optional = _optional_names(self._route.dependant)
            try:
                self._full = lay_out(self._route, self._route.dependant)
            except NotLaidOutError:
                self._full = None
        if self._full is None:
            return None
        query, headers = self._optional
        given = (
            query.intersection(request.query_params.keys()) if query and request.scope["query_string"] else _NONE,
            headers.intersection(request.headers.keys()) if headers else headers,
        )
        found = self._handlers.get(given)
        if found is None:
            if given == self._optional or len(self._handlers) >= MAX_HANDLERS:
                return self._full
            found = self._handlers[given] = lay_out(self._route, _without_absent(self._route.dependant, given))
        return found


_NONE: frozenset[str] = frozenset()


def _optional_names(dependant: Dependant) -> Given:
    query = {field.alias for field in dependant.query_params if _may_be_left_out(dependant, field)}
    headers = {field.alias.lower() for field in dependant.header_params if _may_be_left_out(dependant, field)}
    for child in dependant.dependencies:
        of_child = _optional_names(child)
        query |= of_child[0]
        headers |= of_child[1]
    return frozenset(query), frozenset(headers)


def _without_absent(dependant: Dependant, given: Given) -> Dependant:
    query, headers = given
    return replace(
        dependant,
        query_params=[
            field for field in dependant.query_params if field.alias in query or not _may_be_left_out(dependant, field)
        ],
        header_params=[
            field
            for field in dependant.header_params
            if field.alias.lower() in headers or not _may_be_left_out(dependant, field)
        ],
        dependencies=[_without_absent(child, given) for child in dependant.dependencies],
    )


def _may_be_left_out(dependant: Dependant, field: Any) -> bool:
    """Whether the function would be called with the same value without it: its own default is the declared one."""
    info = field.field_info
    if info.is_required() or info.validate_default or info.default_factory is not None or dependant.call is None:
        return False
    if info.validation_alias not in {None, field.alias}:
        return False
    parameter = inspect.signature(dependant.call).parameters.get(field.name)
    return parameter is not None and parameter.default is info.default
