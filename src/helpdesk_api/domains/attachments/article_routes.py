"""Files of articles over HTTP: had by whoever may read the article."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, public
from helpdesk_api.database.ids import ArticleId, AttachmentId
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.attachments import errors, holding, queries
from helpdesk_api.domains.attachments.routes import NO_STORE, REDIRECT, WithLinks, edit_window, link_answer
from helpdesk_api.domains.attachments.schemas import ArticleAttach, AttachmentPage, FileLinkRead, PublicFilePage
from helpdesk_api.domains.knowledge import queries as articles
from helpdesk_api.domains.knowledge.errors import ArticleNotFound
from helpdesk_api.domains.knowledge.public_routes import OPEN, check_open
from helpdesk_api.domains.knowledge.routes import READ, VERB, WRITE, answer, locked
from helpdesk_api.domains.knowledge.schemas import ArticleRead
from helpdesk_api.domains.tickets.errors import AttachmentNotUsable
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, add_links, whole_page
from helpdesk_api.web.preconditions import IfMatchDep
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/articles/{article_id}/attachments", tags=["articles"])
public_router = ApiRouter(prefix="/v1/public", tags=["articles"])


@router.get(
    "",
    operation_id="listArticleAttachments",
    summary="List an article's files",
    response_model=AttachmentPage,
    dependencies=READ,
    responses=documents(ArticleNotFound, InvalidCursor),
)
async def list_attachments(
    article_id: ArticleId,
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    request: Request,
    response: Response,
    links: WithLinks = False,  # noqa: FBT002
) -> Any:
    """For whoever may read the article, oldest first. Each is downloaded as any other file; with `links=true` a page
    shows the article's pictures as it does a ticket's."""
    await articles.get_article(reads, principal, article_id)
    found = await queries.list_of_article(reads, principal, article_id, page)
    add_links(response, page, found)
    if links:
        response.headers["Cache-Control"] = NO_STORE
    found["data"] = queries.listed(principal, found["data"], edit_window(request), with_links=links)
    return found


@router.post(
    "",
    operation_id="addArticleAttachments",
    summary="Add files to an article",
    response_model=ArticleRead,
    dependencies=WRITE,
    responses=documents(*VERB, AttachmentNotUsable, errors.TooManyArticleFiles),
)
async def add_attachments(
    article_id: ArticleId,
    body: ArticleAttach,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """By those who write it. They are of all its versions and seen by whoever may read it; of a published one, which
    is a draft again then, by its readers once it is published anew, unless its approver adds them. `DELETE` of the file
    takes one away again."""
    article = await locked(session, principal, article_id, if_match)
    await holding.add_to_article(session, principal, article, body.attachment_ids)
    return await answer(session, principal, article, response)


@public_router.get(
    "/articles/{article_id}/attachments",
    operation_id="listPublicArticleAttachments",
    summary="List a public article's files",
    response_model=PublicFilePage,
    dependencies=OPEN,
    responses=documents(ArticleNotFound),
    openapi_extra={"x-etag": True},
)
async def list_public(article_id: ArticleId, request: Request, reads: ReadSessionDep) -> Any:
    """Without signing in."""
    check_open(request)
    await articles.get_article(reads, None, article_id)
    rows = [dict(row) for row in await queries.list_of_public_article(reads, article_id)]
    return whole_page(rows)


@public_router.get(
    "/attachments/{attachment_id}/download",
    operation_id="downloadPublicAttachment",
    summary="Get a link to a file of a public article",
    response_model=FileLinkRead,
    dependencies=[public("Files of published articles for everybody, where HELPDESK_PUBLIC_ARTICLES is on.")],
    responses=REDIRECT | documents(ArticleNotFound, errors.AttachmentNotFound),
)
async def download_public(attachment_id: AttachmentId, request: Request, reads: ReadSessionDep) -> Any:
    """Without signing in; in the same way as any other file."""
    check_open(request)
    if not await queries.is_public(reads, attachment_id):
        raise errors.AttachmentNotFound
    return await link_answer(request, {"id": attachment_id}, is_thumbnail=False)


ROUTERS = (router, public_router)
