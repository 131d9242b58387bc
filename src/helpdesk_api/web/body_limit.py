"""Bodies beyond the limit are refused as a problem: by their announced length, or by counting when none is announced.

The framework's own limit answers in plain text, whatever handlers are set.
"""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from helpdesk_api.web.errors import PayloadTooLarge
from helpdesk_api.web.problems import problem_response


class BodyLimitMiddleware:
    """Pure ASGI, inside the edge, so that its answers carry the headers of all others."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, max_bytes_at: Mapping[str, int] | None = None) -> None:
        """`max_bytes_at` names the paths with a limit of their own: those that read their body as a stream."""
        self._app = app
        self._max_bytes = max_bytes
        self._max_bytes_at = dict(max_bytes_at or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._max_bytes_at.get(scope["path"], self._max_bytes)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            refusal = PayloadTooLarge(f"At most {limit} bytes are taken.")
            await problem_response(Request(scope), refusal)(scope, receive, send)
            return
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > limit:
                    # The one exception that FastAPI's body parsing lets through.
                    raise HTTPException(PayloadTooLarge.status)
            return message

        await self._app(scope, counting, send)
