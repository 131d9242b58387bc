"""The contract as served: the document, and its reference pages, which work without any other host."""

import asyncio
import hashlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from fastapi import FastAPI, Request
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import public
from helpdesk_api.web.errors import NotFound, documents
from helpdesk_api.web.openapi import document_bytes, render
from helpdesk_api.web.openapi.asyncapi import build_asyncapi
from helpdesk_api.web.routing import ApiRouter

OWN_ASSETS = "helpdesk_api.web/assets"
# A package that carries the built files of swagger-ui, so that none of them comes from a CDN.
_SWAGGER = "fastapi_offline/static"
_ASSETS: dict[str, tuple[str, str]] = {
    "swagger-ui.css": (_SWAGGER, "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": (_SWAGGER, "text/javascript; charset=utf-8"),
    "favicon.png": (_SWAGGER, "image/png"),
    "docs.js": (OWN_ASSETS, "text/javascript; charset=utf-8"),
    "pages.css": (OWN_ASSETS, "text/css; charset=utf-8"),
}
# No inline script or style, no other host; the reference's own icons are data URLs.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_CACHED = "public, max-age=3600"


class AssetNotFound(NotFound):
    code = "asset_not_found"
    title = "There is no such file"


router = ApiRouter(tags=["documentation"])


async def contract_of(request: Request) -> tuple[bytes, str]:
    """The rendered document of this application and its ETag, made once a process, while others are answered."""
    return await _made_once(request, "contract", document_bytes)


async def _made_once(request: Request, name: str, make: Callable[[FastAPI], bytes]) -> tuple[bytes, str]:
    state = request.app.state
    if not hasattr(state, name):
        content = await asyncio.to_thread(make, request.app)
        setattr(state, name, (content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'))
    made: tuple[bytes, str] = getattr(state, name)
    return made


@router.get(
    "/openapi.json",
    operation_id="getDocument",
    summary="Read this document",
    dependencies=[public("the contract is no secret")],
    include_in_schema=False,
)
async def get_document(request: Request) -> Response:
    content, etag = await contract_of(request)
    headers = {"ETag": etag, "Cache-Control": "public, no-cache"}
    return Response(content, media_type="application/json", headers=headers)


@router.get(
    "/asyncapi.json",
    operation_id="getEventsDocument",
    summary="Read the AsyncAPI document of the events",
    dependencies=[public("the contract is no secret")],
    include_in_schema=False,
)
async def get_events_document(request: Request) -> Response:
    content, etag = await _made_once(request, "events_contract", lambda app: render(build_asyncapi(app)))
    headers = {"ETag": etag, "Cache-Control": "public, no-cache"}
    return Response(content, media_type="application/json", headers=headers)


@router.get(
    "/docs",
    operation_id="getReference",
    summary="Read the reference and try it",
    dependencies=[public("the contract is no secret")],
    include_in_schema=False,
)
async def get_reference() -> Response:
    return page(read_asset(OWN_ASSETS, "docs.html"))


@router.get(
    "/docs/{asset}",
    operation_id="getReferenceAsset",
    summary="Read a file of the reference",
    dependencies=[public("files of the reference page")],
    include_in_schema=False,
    responses=documents(AssetNotFound),
)
async def get_reference_asset(asset: str) -> Response:
    if asset not in _ASSETS:
        raise AssetNotFound
    folder, media_type = _ASSETS[asset]
    return Response(
        read_asset(folder, asset),
        headers={"Content-Type": media_type, "Cache-Control": _CACHED},
    )


@cache
def read_asset(folder: str, name: str) -> bytes:
    """`folder` is package/folder."""
    package, _, inner = folder.partition("/")
    return (files(package) / inner / name).read_bytes()


def page(content: bytes) -> Response:
    headers = {
        "Content-Security-Policy": PAGE_POLICY,
        "Cache-Control": "public, no-cache",
    }
    return Response(content, media_type="text/html", headers=headers)
