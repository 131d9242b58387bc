"""Giving a file out: streamed, in parts if asked for, and so that a browser never runs it."""

import re
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from helpdesk_api.domains.attachments.errors import FileLinkInvalid
from helpdesk_api.domains.attachments.rules import content_disposition
from helpdesk_api.domains.attachments.sniffing import PICTURES
from helpdesk_api.domains.attachments.storing import answering, storage
from helpdesk_api.integrations.storage.protocol import ObjectNotFound
from helpdesk_api.web.errors import RangeNotSatisfiable

# All else goes out as mere bytes. None of these can act on the reader's machine, however it is opened.
SHOWN_AS_THEY_ARE = PICTURES | {"application/pdf", "text/plain"}
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def media_type_of(content_type: str) -> str:
    return content_type if content_type in SHOWN_AS_THEY_ARE else "application/octet-stream"


async def serve(request: Request, key: str, *, name: str, content_type: str, etag: str) -> Response:
    """Raises `file_link_invalid`, `range_not_satisfiable` and `storage_unavailable`."""
    try:
        with answering():
            size = await storage().size(key)
    except ObjectNotFound as error:
        raise FileLinkInvalid from error
    part = _asked_part(request, size, etag)
    start, end = part or (0, size)
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        "Content-Disposition": content_disposition(name),
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        # An `<img>` asks nobody: where front ends of other sites are named, a browser must be told that it may show it.
        "Cross-Origin-Resource-Policy": "cross-origin" if request.app.state.settings.cors_origins else "same-site",
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return StreamingResponse(
        _pieces(key, start, end),
        status_code=200 if part is None else 206,
        headers=headers,
        media_type=media_type_of(content_type),
    )


async def _pieces(key: str, start: int, end: int) -> AsyncIterator[bytes]:
    async for piece in storage().read(key, start, end):
        yield piece


def _asked_part(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """One range (RFC 9110, 14.2), from the first byte to the one behind the last; several are answered with all."""
    asked = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if asked is None or asked[0] == "bytes=-" or request.headers.get("if-range", etag) != etag:
        return None
    first, last = asked[1], asked[2]
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if first and last and int(last) < int(first):
        return None
    if start >= size or (not first and int(last) == 0):
        raise RangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"}, params=_size(size))
    return start, end


def _size(size: int) -> dict[str, Any]:
    return {"size_bytes": size}
