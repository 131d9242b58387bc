"""Attachments over HTTP."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import RedirectResponse, Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import AttachmentId, public_id
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.attachments import actions, errors, holding, policy, queries
from helpdesk_api.domains.attachments.enums import AttachmentState
from helpdesk_api.domains.attachments.links import make_link
from helpdesk_api.domains.attachments.receiving import forget, receive
from helpdesk_api.domains.attachments.schemas import AttachmentPage, AttachmentRead, FileLinkRead
from helpdesk_api.domains.knowledge import queries as articles
from helpdesk_api.domains.knowledge.errors import ArticleNotFound
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets.errors import TicketMerged, TicketNotFound
from helpdesk_api.domains.tickets.queries import TicketKey
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.idempotency import claim_streamed
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import MAY_BE_MISSING, STREAMED_BODY, ApiRouter

UPLOAD_PATH = "/v1/attachments"
router = ApiRouter(prefix=UPLOAD_PATH, tags=["attachments"])
ticket_router = ApiRouter(prefix="/v1/tickets/{ticket_id}/attachments", tags=["attachments"])
_READ = [requires(Permission.TICKETS_READ)]
_WRITE = [requires(Permission.TICKETS_WRITE)]
_ANSWERS: dict[int | str, dict[str, Any]] = {202: {"model": AttachmentRead, "description": "Taken; it is scanned."}}
REDIRECT: dict[int | str, dict[str, Any]] = {302: {"description": "For whoever does not ask for JSON."}}
_NOT_TAKEN = (
    errors.InvalidMultipart,
    errors.UploadIncomplete,
    errors.OneFileExpected,
    errors.FileEmpty,
    errors.FileTypeRefused,
    errors.FilePolyglot,
    errors.ArchiveBomb,
    errors.ArchiveUnreadable,
    errors.TooManyUploads,
    errors.StorageDown,
)


WithLinks = Annotated[
    bool,
    Query(description="With short-lived links, for who cannot send a token: a browser's `<img>`; false when left out."),
]
# Whoever reads a link may use it.
NO_STORE = "private, no-store"


def edit_window(request: Request) -> timedelta:
    """How long an uploader may take back what is referred to: as long as a comment can be edited."""
    return timedelta(seconds=request.app.state.settings.comment_edit_window_seconds)


@router.post(
    "",
    operation_id="uploadAttachment",
    summary="Upload a file",
    status_code=201,
    response_model=AttachmentRead,
    dependencies=_WRITE,
    responses=_ANSWERS | documents(*_NOT_TAKEN),
    openapi_extra={STREAMED_BODY: True, "x-etag": True},
)
async def upload_attachment(request: Request, principal: PrincipalDep, session: SessionDep) -> Response:
    """One part called `file`. Its type is found in its content, and programs, scripts, HTML and SVG are refused.

    Refer to it in `attachment_ids` of a comment or a ticket within 24 hours, or it is dropped. 202 while a virus
    scanner looks at it: it can be referred to already, and be downloaded once its `state` is `available`.
    """
    received = await receive(request, max_bytes=request.app.state.settings.max_attachment_bytes)
    try:
        await claim_streamed(request, session, received.fingerprint)
        attachment = await actions.keep_upload(session, principal, received.id, received.name, received.found)
        row = await queries.get_row(await statements_of(session), principal, attachment.id)
    except BaseException:
        await forget(received)
        raise
    is_scanned = attachment.state is AttachmentState.SCANNING
    headers = {
        "Location": f"{UPLOAD_PATH}/{public_id('att', attachment.id)}",
        "ETag": etag_of(attachment.version),
        **({"Retry-After": "2"} if is_scanned else {}),
    }
    body = AttachmentRead.model_validate(queries.read(principal, row, edit_window(request)))
    return Response(
        body.model_dump_json().encode(),
        status_code=202 if is_scanned else 201,
        media_type="application/json",
        headers=headers,
    )


@router.get(
    "/{attachment_id}",
    operation_id="getAttachment",
    summary="Read what is known of a file",
    response_model=AttachmentRead,
    dependencies=_READ,
    responses=documents(errors.AttachmentNotFound),
)
async def get_attachment(
    attachment_id: AttachmentId, principal: PrincipalDep, reads: ReadSessionDep, request: Request, response: Response
) -> Any:
    """For whoever may see what it belongs to; until it belongs to something, for its uploader."""
    row = await queries.get_row(reads, principal, attachment_id)
    set_etag(response, etag_of(row["version"]))
    return queries.read(principal, row, edit_window(request))


@router.get(
    "/{attachment_id}/download",
    operation_id="downloadAttachment",
    summary="Get a link to a file",
    response_model=FileLinkRead,
    dependencies=_READ,
    responses=REDIRECT | documents(errors.AttachmentNotFound, errors.AttachmentQuarantined, errors.AttachmentRefused),
)
async def download_attachment(
    attachment_id: AttachmentId, principal: PrincipalDep, reads: ReadSessionDep, request: Request
) -> Any:
    """A redirect to a link that holds for five minutes; with `Accept: application/json` the link itself."""
    row = await queries.get_row(reads, principal, attachment_id)
    _require_available(row)
    return await link_answer(request, row, is_thumbnail=False)


@router.get(
    "/{attachment_id}/thumbnail",
    operation_id="getAttachmentThumbnail",
    summary="Get a link to a small picture of a file",
    response_model=FileLinkRead,
    dependencies=_READ,
    responses=REDIRECT
    | documents(
        errors.AttachmentNotFound,
        errors.ThumbnailNotAvailable,
        errors.AttachmentQuarantined,
        errors.AttachmentRefused,
    ),
    openapi_extra={MAY_BE_MISSING: True},
)
async def get_thumbnail(
    attachment_id: AttachmentId, principal: PrincipalDep, reads: ReadSessionDep, request: Request
) -> Any:
    """A PNG of at most 320 by 320 pixels, in the same way as the file itself; see `has_thumbnail`."""
    row = await queries.get_row(reads, principal, attachment_id)
    _require_available(row)
    if not row["has_thumbnail"]:
        raise errors.ThumbnailNotAvailable
    return await link_answer(request, row, is_thumbnail=True)


def _require_available(row: Any) -> None:
    state = AttachmentState(row["state"])
    if state is AttachmentState.SCANNING:
        raise errors.AttachmentQuarantined(headers={"Retry-After": "2"})
    if policy.download_refusal(state) is not None:
        raise errors.AttachmentRefused


async def link_answer(request: Request, row: Any, *, is_thumbnail: bool) -> Any:
    """A redirect, or the link itself for whoever asks for JSON."""
    url, expires_at = make_link(row["id"], thumbnail=is_thumbnail)
    if "application/json" in request.headers.get("accept", ""):
        return {"url": url, "expires_at": expires_at}
    return RedirectResponse(url, status_code=302, headers={"Cache-Control": NO_STORE})


@router.delete(
    "/{attachment_id}",
    operation_id="deleteAttachment",
    summary="Delete a file",
    status_code=204,
    dependencies=_WRITE,
    responses=documents(
        errors.AttachmentNotFound,
        errors.NotTheUploader,
        errors.DeletionWindowPassed,
        ArticleNotFound,
        TicketNotFound,
        TicketMerged,
        MissingScope,
    ),
)
async def delete_attachment(
    attachment_id: AttachmentId,
    principal: PrincipalDep,
    session: SessionDep,
    request: Request,
    if_match: IfMatchDep,
) -> None:
    """By its uploader inside the comments' edit window, or by an administrator; what belongs to an article by those who
    write it, which undoes an approval, and what its readers have by who approves it. Links to it end at once."""
    row = await queries.get_row(await statements_of(session), principal, attachment_id)
    article_id = row["article_id"]
    # As where files are added: the article's row first.
    article = await articles.lock_article(session, principal, article_id) if article_id is not None else None
    attachment, ticket = await actions.lock(session, principal, row)
    if_match.check(etag_of(attachment.version))
    actions.require_deletion(principal, row, edit_window(request))
    if article is not None:
        await holding.remove_from_article(session, principal, article, attachment)
    else:
        await actions.remove(session, principal, attachment, ticket)


@ticket_router.get(
    "",
    operation_id="listTicketAttachments",
    summary="List a ticket's files",
    response_model=AttachmentPage,
    dependencies=_READ,
    responses=documents(TicketNotFound, InvalidCursor),
)
async def list_attachments(
    ticket_id: TicketKey,
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    request: Request,
    response: Response,
    sort: Annotated[
        str | None,
        Query(max_length=12, pattern="^-?created_at$", description="`created_at` when left out."),
    ] = None,
    links: WithLinks = False,  # noqa: FBT002
) -> Any:
    """Its own and its comments', as far as the caller may see them, oldest first.

    A browser's `<img>` cannot sign in. With `links=true` each available file brings short-lived links: put the one of
    the same id in place of each `src` in `description_html` and `body_html` that is `/v1/attachments/{id}/download`.
    """
    ticket, _ = await tickets.get_followed_row(reads, principal, ticket_id)
    found = await queries.list_of_ticket(reads, principal, ticket, page, sort=sort)
    add_links(response, page, found)
    if links:
        response.headers["Cache-Control"] = NO_STORE
    found["data"] = queries.listed(principal, found["data"], edit_window(request), with_links=links)
    return found


ROUTERS = (router, ticket_router)
