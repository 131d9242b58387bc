"""Files themselves, by links that were given out; whoever holds one needs no other right."""

from typing import Annotated, Any

from fastapi import Path, Request
from starlette.responses import RedirectResponse, Response

from helpdesk_api.authorization.dependencies import public
from helpdesk_api.database.session import ReadSessionDep
from helpdesk_api.domains.attachments import errors, queries, serving
from helpdesk_api.domains.attachments.links import DIRECT_LIFETIME, open_link
from helpdesk_api.domains.attachments.storing import answering, object_key, storage
from helpdesk_api.web.errors import RangeNotSatisfiable, documents
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/files", tags=["attachments"])
_BYTES: dict[str, Any] = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
_CONTENT = dict.fromkeys(sorted({"application/octet-stream", *serving.SHOWN_AS_THEY_ARE}), _BYTES)
LinkText = Annotated[
    str,
    Path(
        min_length=8,
        max_length=400,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="The last part of a link that was given out.",
        examples=["q83vEjRWeJq7zN3u"],
    ),
]


@router.get(
    "/{link}",
    operation_id="getFile",
    summary="Download a file by its link",
    response_class=Response,
    dependencies=[public("the link itself is the right: sealed, and over after five minutes")],
    responses={
        200: {"description": "The file, always as an attachment.", "content": _CONTENT},
        206: {"description": "The part that `Range` asked for.", "content": _CONTENT},
        302: {"description": "To the bucket itself, where files lie in one: signed, and over after a minute."},
        **documents(errors.FileLinkInvalid, RangeNotSatisfiable, errors.StorageDown),
    },
)
async def get_file(link: LinkText, request: Request, reads: ReadSessionDep) -> Response:
    """One range is served (RFC 9110, 14); it ends with the file: what was deleted or refused since is not found. Where
    files lie in a bucket that callers reach, it sends them there."""
    opened = open_link(link)
    row = await reads.fetch_one(queries.available(opened.attachment_id))
    if row is None or (opened.is_thumbnail and not row["has_thumbnail"]):
        raise errors.FileLinkInvalid
    key = object_key(opened.attachment_id, thumbnail=opened.is_thumbnail)
    with answering():
        direct = await storage().direct_url(key, DIRECT_LIFETIME)
    if direct is not None:
        return RedirectResponse(direct, status_code=302, headers={"Cache-Control": "private, no-store"})
    if opened.is_thumbnail:
        name, kind, etag = f"{row['name']}.png", "image/png", f'"{row["sha256"]}-small"'
    else:
        name, kind, etag = row["name"], row["content_type"], f'"{row["sha256"]}"'
    return await serving.serve(request, key, name=name, content_type=kind, etag=etag)


ROUTERS = (router,)
