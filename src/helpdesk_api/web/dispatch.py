"""From a path to its route by a table.

Starlette compares a path with one route after another, and there are some two hundred. What the table does not know
(other methods, other paths, operations that only FastAPI's own walk can serve) goes on to FastAPI's router, which
answers as it always does.
"""

from collections import defaultdict
from collections.abc import Iterable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from helpdesk_api.web.errors import NotFound
from helpdesk_api.web.problems import problem_response
from helpdesk_api.web.routing import ApiRoute, NotOfferedRoute

_Key = tuple[str, int, str, str]
_ANY = "{"


class RouteTable:
    """Routes by method, depth, and the two first segments of their path and its last, each in serving order."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes: dict[_Key, list[ApiRoute | NotOfferedRoute]] = defaultdict(list)
        known = [route for route in routes if isinstance(route, ApiRoute | NotOfferedRoute)]
        keys = {_key(method, route.path_format) for route in known for method in route.methods or ()}
        for route in known:
            for method in route.methods or ():
                own = _key(method, route.path_format)
                # What may end in any way is among those of each end.
                for key in keys if own[-1] == _ANY else {own}:
                    if key[:-1] == own[:-1]:
                        self._routes[key].append(route)

    def find(self, scope: Scope) -> ApiRoute | None:
        """The route that the scope now names; None leaves it as it was."""
        key = _key(scope["method"], scope["path"])
        for route in self._routes.get(key, self._routes.get((*key[:-1], _ANY), ())):
            match, child = route.matches(scope)
            if match is Match.FULL:
                if isinstance(route, NotOfferedRoute):
                    break
                scope.update(child)
                return route
        return None


def _key(method: str, path: str) -> _Key:
    # `/v1/tickets/{id}/comments`: what lies between is the route's own expression's business.
    parts = path.split("/", 3)
    end = path.rpartition("/")[2]
    return method, path.count("/"), "/".join(parts[1:3]), _ANY if _ANY in end else end


def _hides_a_slash(scope: Scope) -> bool:
    """Whether a slash stands behind a percent sign: inside of a name then, and no such name is anything's. The server
    has decoded it, and the path would lead elsewhere than it was written."""
    raw: bytes = scope.get("raw_path") or b""
    return b"%2" in raw and b"%2f" in raw.lower()


class Dispatcher:
    """The innermost layer before FastAPI's own."""

    def __init__(self, app: ASGIApp, *, application: FastAPI) -> None:
        self._app = app
        self._application = application
        self._table: RouteTable | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _hides_a_slash(scope):
            await problem_response(Request(scope), NotFound())(scope, receive, send)
            return
        if scope["type"] == "http" and not scope.get("root_path"):
            if self._table is None:
                # At the first request, when all routes are there.
                self._table = RouteTable(self._application.router.routes)
            route = self._table.find(scope)
            if route is not None:
                request = Request(scope, receive, send)
                solve = route.lean_handler(request)
                if solve is not None:
                    scope["starlette.exception_handlers"] = (self._application.exception_handlers, {})
                    await route.serve(request, solve, send)
                    return
        await self._app(scope, receive, send)
