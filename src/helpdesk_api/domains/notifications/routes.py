"""Mails over HTTP, for operators: what went out, what did not and why, and another try."""

from typing import Any

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import MailId
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.notifications import actions, queries
from helpdesk_api.domains.notifications.errors import MailAlreadySent, MailNotFound
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.notifications.queries import MailFiltersDep
from helpdesk_api.domains.notifications.schemas import MailMessage, MailMessagePage
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, link_header
from helpdesk_api.web.preconditions import set_etag
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/mail-messages", tags=["mail messages"])


@router.get(
    "",
    operation_id="listMailMessages",
    summary="List mails",
    response_model=MailMessagePage,
    dependencies=[requires(Permission.OPERATIONS_READ)],
    responses=documents(InvalidCursor),
)
async def list_mail_messages(filters: MailFiltersDep, page: PageDep, reads: ReadSessionDep, response: Response) -> Any:
    """The newest first; `status=dead` are the dead letters."""
    found = await queries.list_mails(reads, filters, page)
    link = link_header(page, found["next_cursor"], found["prev_cursor"])
    if link:
        response.headers["Link"] = link
    return found


@router.get(
    "/{mail_id}",
    operation_id="getMailMessage",
    summary="Read how a mail fared",
    response_model=MailMessage,
    dependencies=[requires(Permission.OPERATIONS_READ)],
    responses=documents(MailNotFound),
)
async def get_mail_message(mail_id: MailId, reads: ReadSessionDep, response: Response) -> Any:
    found = await queries.get_mail(reads, mail_id)
    set_etag(response, f'"{found["status"]}-{found["attempts"]}"')
    return found


@router.post(
    "/{mail_id}/requeue",
    operation_id="requeueMailMessage",
    summary="Try a mail again",
    response_model=MailMessage,
    dependencies=[requires(Permission.OPERATIONS_WRITE)],
    responses=documents(MailNotFound, MailAlreadySent),
)
async def requeue_mail_message(mail_id: MailId, session: SessionDep) -> OutboundMail:
    """A dead letter, or one that waits for its next attempt, is tried at once, under the same Message-ID."""
    return await actions.requeue_mail(session, mail_id)


ROUTERS = (router,)
