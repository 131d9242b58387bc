"""Mails over HTTP, for operators: what went out, what did not and why, and another try."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires, signed_in
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.database.ids import MailId
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.authentication.errors import LimitedCredential
from helpdesk_api.domains.authentication.routes import OWNER
from helpdesk_api.domains.notifications import actions, queries
from helpdesk_api.domains.notifications.errors import MailAlreadySent, MailNotFound
from helpdesk_api.domains.notifications.models import OutboundMail
from helpdesk_api.domains.notifications.queries import MailFiltersDep
from helpdesk_api.domains.notifications.schemas import (
    MailMessage,
    MailMessagePage,
    NotificationPreferencesRead,
    NotificationPreferencesUpdate,
)
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, link_header
from helpdesk_api.web.preconditions import IfMatchDep, etag_of_content, set_etag
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


preferences_router = ApiRouter(prefix="/v1/me/notification-preferences", tags=["me"])


@preferences_router.get(
    "",
    operation_id="getMyNotificationPreferences",
    summary="Read what one does not want by mail",
    response_model=NotificationPreferencesRead,
    dependencies=[signed_in()],
)
async def get_my_notification_preferences(principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    unwanted = await queries.unwanted_by(reads, principal.user_id)
    set_etag(response, _etag(unwanted))
    return {"unwanted": unwanted}


@preferences_router.put(
    "",
    operation_id="setMyNotificationPreferences",
    summary="Say what one does not want by mail",
    response_model=NotificationPreferencesRead,
    dependencies=OWNER,
    responses=documents(LimitedCredential),
)
async def set_my_notification_preferences(
    body: NotificationPreferencesUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """In the place of what was said before, from the next mail on. What happened is in the history all the same."""
    before = await actions.lock_unwanted(session, principal.user_id)
    if_match.check(_etag(before))
    unwanted = await actions.set_unwanted(session, principal, before, body.unwanted)
    set_etag(response, _etag(unwanted))
    return {"unwanted": unwanted}


def _etag(unwanted: Sequence[str]) -> str:
    return etag_of_content(",".join(unwanted).encode())


ROUTERS = (router, preferences_router)
