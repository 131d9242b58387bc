"""HEAD wherever GET is (RFC 9110, 9.1 and 9.3.2): the answer of the GET, up to its headers.

No operation says so of itself, and the contract names GET alone.
"""

from contextvars import ContextVar
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_asks_for_headers_alone: Final[ContextVar[bool]] = ContextVar("asks_for_headers_alone", default=False)


def is_read() -> bool:
    """False while a HEAD is answered: what counts its readers has none in it."""
    return not _asks_for_headers_alone.get()


class _HeadersSentError(Exception):
    """Whatever the operation would still say goes to nobody: no file is read, and no stream opened."""


class HeadRequests:
    """The outermost layer of ours. The server outside of it still knows that it was a HEAD, and frames it so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                # What was done is committed by now: an answer begins to be sent after that.
                raise _HeadersSentError

        asked = _asks_for_headers_alone.set(True)
        try:
            await self._app({**scope, "method": "GET"}, receive, sending)
        except _HeadersSentError:
            return
        finally:
            _asks_for_headers_alone.reset(asked)
