"""Our route class: every POST and PATCH is idempotent by key, every GET of one record answers 304."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.utils import get_parameterless_sub_dependant
from fastapi.routing import APIRoute
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import Public, RequiresPermission
from helpdesk_api.web.errors import BadRequest
from helpdesk_api.web.idempotency import Replay, claim_key
from helpdesk_api.web.preconditions import matches
from helpdesk_api.web.requests import RequestShape

NO_IDEMPOTENCY = "x-no-idempotency"
_IDEMPOTENT_METHODS = frozenset({"POST", "PATCH"})


class IdempotencyNotSupported(BadRequest):
    code = "idempotency_not_supported"
    title = "This request takes no Idempotency-Key"
    default_detail = "Its answer holds a secret, and secrets are never stored for a replay."


async def refuse_key(request: Request) -> None:
    if "idempotency-key" in request.headers:
        raise IdempotencyNotSupported(parameter="Idempotency-Key")


class ApiRoute(APIRoute):
    """The route of every domain; see the module."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        # After the guard: who may not call is not told what the call would look like.
        self._depend_on(RequestShape(self))
        if (self.methods or set()) & _IDEMPOTENT_METHODS:
            guard = claim_key if self.takes_idempotency_key else refuse_key
            # Last, so that a replay has passed the permission and the visibility of its subject first.
            self._depend_on(guard)

    def _depend_on(self, call: Callable[..., Any]) -> None:
        self.dependant.dependencies.append(
            get_parameterless_sub_dependant(depends=Depends(call), path=self.path_format)
        )

    @property
    def guard(self) -> RequiresPermission | Public | None:
        """The one declaration of who may call; None is a defect that a test finds."""
        for dependency in self.dependencies:
            if isinstance(dependency.dependency, RequiresPermission | Public):
                return dependency.dependency
        return None

    @property
    def takes_idempotency_key(self) -> bool:
        return (
            bool((self.methods or set()) & _IDEMPOTENT_METHODS)
            and not (self.openapi_extra or {}).get(NO_IDEMPOTENCY)
            and not isinstance(self.guard, Public)
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        original = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                response = await original(request)
            except Replay as replay:
                return replay.response
            claim = getattr(request.state, "idempotency_claim", None)
            if claim is not None:
                await claim.store(response)
            if request.method == "GET" and matches(request.headers.get("if-none-match"), response.headers.get("etag")):
                return Response(status_code=304, headers={"ETag": response.headers["etag"]})
            return response

        return handle


class ApiRouter(APIRouter):
    """A router of `ApiRoute`s; `main` takes its routes as they are, so what a route declares is what is served."""

    def __init__(self, *, prefix: str = "", tags: list[str] | None = None, **options: Any) -> None:
        super().__init__(prefix=prefix, tags=list(tags or []), route_class=ApiRoute, **options)
