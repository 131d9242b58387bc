"""Our route class: every POST and PATCH is idempotent by key, every GET of one record answers 304."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.utils import get_parameterless_sub_dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette._exception_handler import wrap_app_handling_exceptions
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, compile_path
from starlette.types import Receive, Scope, Send

from helpdesk_api.authorization.dependencies import Public, RequiresPermission
from helpdesk_api.database import clock
from helpdesk_api.web.errors import BadRequest
from helpdesk_api.web.idempotency import Replay, claim_key
from helpdesk_api.web.lean import LeanHandlers
from helpdesk_api.web.preconditions import held_etags, matches, set_etag, stamped
from helpdesk_api.web.requests import RequestShape, refuse_repeated_headers
from helpdesk_api.web.solving import Solved

NO_IDEMPOTENCY = "x-no-idempotency"
# Its body is too large to be held: the route reads it as a stream, and claims the key when it knows the digest.
STREAMED_BODY = "x-streamed-body"
# It waits for somebody else before it writes, and must hold no connection meanwhile: the route claims the key when that
# is over.
LATE_CLAIM = "x-late-claim"
# Says that a GET answers one record though its path ends with a word. Its ETag is of its bytes, and of its version if
# the route sets that.
HAS_ETAG = "x-etag"
# Says of an operation that a record may have nothing of the kind: no link promises that it has.
MAY_BE_MISSING = "x-may-be-missing"
_IDEMPOTENT_METHODS = frozenset({"POST", "PATCH"})


class IdempotencyNotSupported(BadRequest):
    code = "idempotency_not_supported"
    title = "This request takes no Idempotency-Key"
    default_detail = "Its answer holds a secret, and secrets are never stored for a replay."


async def refuse_key(request: Request) -> None:
    if "idempotency-key" in request.headers:
        raise IdempotencyNotSupported(parameter="Idempotency-Key")


class ApiRoute(APIRoute):
    """The route of every domain; see the module. Made up when it is first asked for more than where it is found:
    that is milliseconds for each of some three hundred, and most processes serve few of them, or none."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._declared = options
        self.path, self.endpoint = path, endpoint
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self.methods = {method.upper() for method in options["methods"] or ("GET",)}
        self._literal_start, self._depth = path.partition("{")[0], path.count("/")

    def __getattr__(self, name: str) -> Any:
        options = self.__dict__.pop("_declared", None)
        if options is None:
            raise AttributeError(name=name, obj=self)
        self._make_up(self.path, self.endpoint, options)
        return getattr(self, name)

    def _make_up(self, path: str, endpoint: Callable[..., Any], options: dict[str, Any]) -> None:
        self._lean = LeanHandlers(self)
        super().__init__(path, endpoint, **options)
        said = (self.openapi_extra or {}).get(HAS_ETAG)
        is_read = self.include_in_schema and "GET" in (self.methods or ())
        self._is_record = is_read and (path.endswith("}") if said is None else bool(said))
        # Asked before FastAPI reads anything: who may not call is not told what the call would look like.
        guard = self.guard
        self._checks = (refuse_repeated_headers, *([guard] if guard is not None else ()), RequestShape(self))
        self.dependant.dependencies[:] = [own for own in self.dependant.dependencies if own.call is not guard]
        if (self.methods or set()) & _IDEMPOTENT_METHODS and not self.claims_its_key:
            # Last, so that a replay has passed the permission and the visibility of its subject first.
            self._depend_on(claim_key if self.takes_idempotency_key else refuse_key)

    def _depend_on(self, call: Callable[..., Any]) -> None:
        self.dependant.dependencies.append(
            get_parameterless_sub_dependant(depends=Depends(call), path=self.path_format)
        )

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As every route does it, but most of the others are passed over without their regular expression."""
        path = scope["path"]
        if not scope.get("root_path") and (path.count("/") != self._depth or not path.startswith(self._literal_start)):
            return Match.NONE, {}
        return super().matches(scope)

    @property
    def guard(self) -> RequiresPermission | Public | None:
        """The one declaration of who may call; None is a defect that a test finds."""
        for dependency in self.dependencies:
            if isinstance(dependency.dependency, RequiresPermission | Public):
                return dependency.dependency
        return None

    @property
    def streams_body(self) -> bool:
        return bool((self.openapi_extra or {}).get(STREAMED_BODY))

    @property
    def claims_its_key(self) -> bool:
        return self.streams_body or bool((self.openapi_extra or {}).get(LATE_CLAIM))

    @property
    def takes_idempotency_key(self) -> bool:
        return (
            bool((self.methods or set()) & _IDEMPOTENT_METHODS)
            and not (self.openapi_extra or {}).get(NO_IDEMPOTENCY)
            and not isinstance(self.guard, Public)
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """By FastAPI's own walk, for what cannot be laid out; see `serve` for all others."""
        return partial(self._answer, super().get_route_handler())

    def lean_handler(self, request: Request) -> Solved | None:
        return self._lean.handler_for(request)

    async def serve(self, request: Request, solve: Solved, send: Send) -> None:
        """The request by its laid out dependencies; commits before the reply."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            async with AsyncExitStack() as stack:
                response = await self._answer(lambda request: solve(request, stack), request)
            await response(scope, receive, send)

        await wrap_app_handling_exceptions(app, request)(request.scope, request.receive, send)

    async def _answer(self, solve: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        try:
            for check in self._checks:
                await check(request)
            response = await solve(request)
        except Replay as replay:
            return replay.response
        finally:
            if (held := getattr(request.state, "import_clock", None)) is not None:
                clock.release(held)
        self._stamp(response, is_get=request.method == "GET")
        claim = getattr(request.state, "idempotency_claim", None)
        if claim is not None:
            await claim.store(response)
        if request.method != "GET":
            return response
        etag = response.headers.get("etag")
        if etag is not None and matches(held_etags(request), etag):
            # RFC 9110 15.4.5: what a 200 would say of keeping it, a 304 says too.
            kept = {
                name: response.headers[name]
                for name in ("cache-control", "content-location")
                if name in response.headers
            }
            return Response(status_code=304, headers={"ETag": etag, **kept})
        return response

    def _stamp(self, response: Response, *, is_get: bool) -> None:
        """The ETag is of all that is answered. What is streamed keeps its own, and so do the documents."""
        body = getattr(response, "body", None)
        if not body or not self.include_in_schema:
            return
        etag = response.headers.get("etag")
        if etag is not None or (is_get and self._is_record and response.status_code == HTTPStatus.OK):
            set_etag(response, stamped(etag, bytes(body)))


E = TypeVar("E", bound=Callable[..., Any])
OTHER_FORMS = "other_forms"


def answers_also(forms: Mapping[str, type[BaseModel]]) -> Callable[[E], E]:
    """Says of an endpoint what it answers besides its response model, by media type; it makes that answer itself."""

    def mark(endpoint: E) -> E:
        setattr(endpoint, OTHER_FORMS, forms)
        return endpoint

    return mark


class ApiRouter(APIRouter):
    """A router of `ApiRoute`s; `main` takes its routes as they are, so what a route declares is what is served."""

    # What the contract says of a tag, where the package's own docstring would say too much or too little.
    ABOUT: ClassVar[dict[str, str]] = {}

    def __init__(
        self, *, prefix: str = "", tags: list[str] | None = None, about: str | None = None, **options: Any
    ) -> None:
        super().__init__(prefix=prefix, tags=list(tags or []), route_class=ApiRoute, **options)
        if about is not None:
            self.ABOUT.update(dict.fromkeys(tags or [], about))


class NotOfferedRoute(Route):
    """Answers 405 at a path for the methods that only a less literal one beside it has."""


async def _refuse_method(_: Request) -> Response:
    raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)


def serving_order(routers: Iterable[APIRouter]) -> list[BaseRoute]:
    """All routes, the more literal paths first: `PATCH /routing-rules/order` is no change of a rule called `order`."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    offered: dict[str, set[str]] = {}
    parametric: dict[str, list[APIRoute]] = {}
    for route in routes:
        offered.setdefault(route.path_format, set()).update(route.methods or ())
        literal, brace, _ = route.path_format.partition("{")
        if brace:
            parametric.setdefault(literal[: literal.rindex("/")], []).append(route)
    shadows: list[NotOfferedRoute] = []
    for path, methods in offered.items():
        beside = {
            method
            for place in _slashes(path)
            for route in parametric.get(path[:place], ())
            # What is a parameter of both paths fits its own name.
            if _parameters(path) < _parameters(route.path_format) and route.path_regex.match(path)
            for method in route.methods or ()
        }
        if beside - methods:
            shadows.append(NotOfferedRoute(path, _refuse_method, methods=sorted(beside - methods)))
    served: list[APIRoute | NotOfferedRoute] = [*shadows, *routes]
    served.sort(key=lambda route: _parameters(route.path_format))
    return list(served)


def _parameters(path: str) -> int:
    return path.count("{")


def _slashes(path: str) -> list[int]:
    return [place for place, character in enumerate(path) if character == "/"]
