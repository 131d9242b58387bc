"""One ASGI layer round everything: request id, trace context, limits' headers, security headers, the last 500."""

import re
import time
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from helpdesk_api.database.ids import new_id
from helpdesk_api.database.statement_count import StatementCount, statement_count
from helpdesk_api.web import trace
from helpdesk_api.web.metrics import observe
from helpdesk_api.web.problems import unexpected

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"Accept, Authorization"),
)
_DEFAULTS = (
    (b"cache-control", b"private, no-cache"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class EdgeMiddleware:
    """Pure ASGI: one wrapper of `send`, no task, no copy of a body."""

    def __init__(self, app: ASGIApp, *, rate_limit_per_minute: int, is_https: bool) -> None:
        self._app = app
        self._limit = rate_limit_per_minute
        self._fixed = [*_ALWAYS, (b"ratelimit-policy", b'"default";q=%d;w=60' % rate_limit_per_minute)]
        if is_https:
            self._fixed.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        identifier = given if _REQUEST_ID.fullmatch(given) else new_id().hex
        parent = headers.get("traceparent", "")
        trace.request_id.set(identifier)
        trace.traceparent.set(parent if _TRACEPARENT.fullmatch(parent) else None)
        counted = StatementCount()
        statement_count.set(counted)
        state: dict[str, Any] = scope.setdefault("state", {})
        began = time.perf_counter()
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._add_headers(message, identifier, state, counted)
                route = getattr(scope.get("route"), "path", "unmatched")
                observe(scope["method"], route, message["status"], time.perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if started:
                raise
            request = Request(scope, receive)
            await unexpected(request, error)(scope, receive, sending)

    def _add_headers(self, message: Message, identifier: str, state: dict[str, Any], counted: StatementCount) -> None:
        """Appended as bytes: each header set by name looks through all of them."""
        headers = list(message["headers"])
        present = {name for name, _ in headers}
        rate = state.get("rate")
        remaining, reset = (rate.remaining, rate.reset_seconds) if rate else (self._limit, 60)
        headers.append((b"x-request-id", identifier.encode("latin-1")))
        headers.append((b"ratelimit", b'"default";r=%d;t=%d' % (remaining, reset)))
        headers.extend(self._fixed)
        headers.extend(default for default in _DEFAULTS if default[0] not in present)
        message["headers"] = headers
        state["statement_count"] = counted.value
