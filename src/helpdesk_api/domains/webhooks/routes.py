"""Webhooks over HTTP."""

from typing import Any

from fastapi import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import InvalidConditions
from helpdesk_api.database.ids import WebhookId, public_id
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.domains.webhooks import actions, errors, queries, replaying
from helpdesk_api.domains.webhooks.models import Webhook
from helpdesk_api.domains.webhooks.schemas import (
    WebhookCreate,
    WebhookCreated,
    WebhookPage,
    WebhookRead,
    WebhookReplay,
    WebhookReplayResult,
    WebhookUpdate,
)
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import WebhookUrlRefused, documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, set_etag
from helpdesk_api.web.routing import NO_IDEMPOTENCY, ApiRouter

SECRET = {NO_IDEMPOTENCY: True}
NO_STORE = "no-store"
router = ApiRouter(
    prefix="/v1/webhooks",
    tags=["webhooks"],
    about=(
        "Events posted to other systems as they happen, by Standard Webhooks: signed, at least once and always under "
        "the same `webhook-id`, tried again for three days. Nothing is posted that the webhook's owner may not read."
    ),
)
READ = [requires(Permission.WEBHOOKS_READ)]
WRITE = [requires(Permission.WEBHOOKS_WRITE)]


def _with_secret(principal: Principal, webhook: Webhook, secret: str) -> dict[str, Any]:
    return {**queries.shown(principal, webhook), "secret": secret}


@router.post(
    "",
    operation_id="createWebhook",
    summary="Create a webhook",
    status_code=201,
    response_model=WebhookCreated,
    dependencies=WRITE,
    responses=documents(WebhookUrlRefused, errors.UnknownEventType, errors.TooManyWebhooks, InvalidConditions),
    openapi_extra=SECRET,
)
async def create_webhook(body: WebhookCreate, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """The caller becomes its owner. The secret is shown this once. Events that are recorded from now on are posted."""
    webhook, secret = await actions.create_webhook(session, principal, body)
    response.headers["Location"] = f"/v1/webhooks/whk_{webhook.id.hex}"
    response.headers["Cache-Control"] = NO_STORE
    return _with_secret(principal, webhook, secret)


@router.get(
    "",
    operation_id="listWebhooks",
    summary="List webhooks",
    response_model=WebhookPage,
    dependencies=READ,
    responses=documents(InvalidCursor),
)
async def list_webhooks(page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """One's own; administrators see all."""
    answer = await queries.list_webhooks(reads, principal, page)
    add_links(response, page, answer)
    return answer


@router.get(
    "/{webhook_id}",
    operation_id="getWebhook",
    summary="Read a webhook",
    response_model=WebhookRead,
    dependencies=READ,
    responses=documents(errors.WebhookNotFound),
)
async def get_webhook(webhook_id: WebhookId, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """Never its secret."""
    row = await queries.get_webhook(reads, principal, webhook_id)
    set_etag(response, etag_of(row["version"]))
    return queries.shown(principal, row)


@router.patch(
    "/{webhook_id}",
    operation_id="updateWebhook",
    summary="Change a webhook",
    response_model=WebhookRead,
    dependencies=WRITE,
    responses=documents(errors.WebhookNotFound, WebhookUrlRefused, errors.UnknownEventType, InvalidConditions),
)
async def update_webhook(
    webhook_id: WebhookId,
    body: WebhookUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
    if_match: IfMatchDep,
) -> Any:
    """What waits is posted to the address that it has by then; types and conditions count for what comes."""
    webhook = await queries.lock_webhook(session, principal, webhook_id)
    if_match.check(etag_of(webhook.version))
    await actions.update_webhook(session, principal, webhook, body)
    set_etag(response, etag_of(webhook.version))
    return queries.shown(principal, webhook)


@router.delete(
    "/{webhook_id}",
    operation_id="deleteWebhook",
    summary="Delete a webhook",
    status_code=204,
    dependencies=WRITE,
    responses=documents(errors.WebhookNotFound),
)
async def delete_webhook(
    webhook_id: WebhookId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """With its deliveries; what is under way at this moment may still arrive."""
    webhook = await queries.lock_webhook(session, principal, webhook_id)
    if_match.check(etag_of(webhook.version))
    await actions.delete_webhook(session, principal, webhook)


@router.post(
    "/{webhook_id}/rotate-secret",
    operation_id="rotateWebhookSecret",
    summary="Give it a new secret",
    response_model=WebhookCreated,
    dependencies=WRITE,
    responses=documents(errors.WebhookNotFound),
    openapi_extra=SECRET,
)
async def rotate_secret(webhook_id: WebhookId, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """Shown this once. For 24 hours deliveries carry a signature by each of the two."""
    webhook = await queries.lock_webhook(session, principal, webhook_id)
    secret = await actions.rotate_secret(session, principal, webhook)
    response.headers["Cache-Control"] = NO_STORE
    return _with_secret(principal, webhook, secret)


@router.post(
    "/{webhook_id}/replay",
    operation_id="replayWebhook",
    summary="Post a stretch of events again",
    status_code=202,
    response_model=WebhookReplayResult,
    dependencies=WRITE,
    responses=documents(errors.WebhookNotFound, errors.WebhookInactive, errors.ReplayTooLarge),
)
async def replay_webhook(
    webhook_id: WebhookId, body: WebhookReplay, principal: PrincipalDep, session: SessionDep, response: Response
) -> Any:
    """At most 10,000 events that it would be sent today, also those from before it was made."""
    webhook = await queries.lock_webhook(session, principal, webhook_id)
    response.headers["Location"] = f"/v1/webhooks/{public_id('whk', webhook.id)}/deliveries"
    return {"queued": await replaying.replay(session, webhook, body)}
