"""What is refused before there is a request: bytes that are no HTTP, heads without an end, and headers behind the body.

The server answers the first in plain text, takes the second for as long as memory lasts, and joins the third to what
stood before the body.
"""

from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from helpdesk_api.database.ids import new_id
from helpdesk_api.web import trace
from helpdesk_api.web.errors import BadRequest, ProblemError, RequestHeadTooLarge
from helpdesk_api.web.problems import MEDIA_TYPE, problem_bytes

# Beside what comes with its first packet. Proxies before us commonly take 8 to 64 KiB.
MAX_HEAD_BYTES = 65_536


class ProblemProtocol(HttpToolsProtocol):
    """Uvicorn's, with our own words for what it refuses itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes: int | None = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        # Behind a body it is a trailer, which no proxy before us has looked at (RFC 9110, 6.5.1).
        if self._head_bytes is not None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._head_bytes = None
                self._refuse(_too_large())
                return
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        del msg
        # Addresses are counted in 16 bits by what takes them apart; in a first packet a longer one can have come whole.
        is_long = len(self.url or b"") >= MAX_HEAD_BYTES
        self._refuse(_too_large() if is_long else BadRequest("This is no HTTP request that can be read."))

    def _refuse(self, error: ProblemError) -> None:
        if self.transport.is_closing():
            return
        identifier = new_id().hex
        held = trace.request_id.set(identifier)
        content = problem_bytes(error, "/")
        trace.request_id.reset(held)
        head = {
            "content-type": MEDIA_TYPE,
            "content-length": str(len(content)),
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            "x-request-id": identifier,
            "connection": "close",
        }
        lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}", *(f"{k}: {v}" for k, v in head.items())]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + content)
        self.transport.close()


def _too_large() -> RequestHeadTooLarge:
    return RequestHeadTooLarge(f"At most {MAX_HEAD_BYTES} bytes are taken before the body.")
