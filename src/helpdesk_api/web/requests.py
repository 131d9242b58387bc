"""What every route refuses before its own code runs: parameters that it does not have, bodies that are not JSON."""

from collections import Counter
from collections.abc import Iterator

from fastapi import Request, params
from fastapi._compat import ModelField, field_annotation_is_sequence
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from helpdesk_api.web.errors import BadRequest, UnsupportedMediaType

_JSON = frozenset({"application/json"})
_PATCH = frozenset({"application/json", "application/merge-patch+json"})


class UnknownParameter(BadRequest):
    code = "unknown_parameter"
    title = "There is no such parameter here"


class RepeatedParameter(BadRequest):
    code = "repeated_parameter"
    title = "This parameter is given more than once"
    default_detail = "It takes one value, and which of them is meant nobody can tell."


class RequestShape:
    """A check made for one route from what the route declares."""

    def __init__(self, route: APIRoute) -> None:
        self._route = route
        self._media = _PATCH if "PATCH" in (route.methods or ()) else _JSON
        self._known: frozenset[str] | None = None

    async def __call__(self, request: Request) -> None:
        """Raises `unknown_parameter` and `repeated_parameter` (400), and `unsupported_media_type` (415)."""
        if request.url.query:
            self._check_parameters(request)
        body = self._route.body_field
        if body is not None and not isinstance(body.field_info, params.Form) and await request.body():
            media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media not in self._media:
                message = f"This takes {' or '.join(sorted(self._media))}."
                raise UnsupportedMediaType(
                    message,
                    parameter="Content-Type",
                    headers={"Accept": ", ".join(self._media)},
                )

    def _check_parameters(self, request: Request) -> None:
        if self._known is None:
            self._known = frozenset(field.alias for field in _query_fields(self._route.dependant))
        given = request.query_params
        for name in given:
            if name not in self._known:
                shown = "".join(character if character.isprintable() else "?" for character in name)
                listed = ", ".join(sorted(self._known)) or "none"
                message = f"`{shown[:50]}` is not a parameter of this operation; known are: {listed}."
                raise UnknownParameter(message, parameter=shown[:200])
        pairs = given.multi_items()
        if len(pairs) == len(given):
            return
        lists = {
            field.alias
            for field in _query_fields(self._route.dependant)
            if field_annotation_is_sequence(field.field_info.annotation)
        }
        twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1 and name not in lists]
        if twice:
            raise RepeatedParameter(parameter=twice[0])


def _query_fields(dependant: Dependant) -> Iterator[ModelField]:
    yield from dependant.query_params
    for child in dependant.dependencies:
        yield from _query_fields(child)
