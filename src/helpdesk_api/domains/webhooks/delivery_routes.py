"""Deliveries of a webhook over HTTP."""

from typing import Annotated, Any

from fastapi import Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.dependencies import PrincipalDep
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import DeliveryId, WebhookId, public_id
from helpdesk_api.database.session import ReadSessionDep, SessionDep
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.webhooks import errors, queries, replaying
from helpdesk_api.domains.webhooks.enums import ListedDeliveryState
from helpdesk_api.domains.webhooks.models import WebhookDelivery
from helpdesk_api.domains.webhooks.routes import READ, WRITE
from helpdesk_api.domains.webhooks.schemas import WebhookDeliveryPage, WebhookDeliveryRead
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import documents
from helpdesk_api.web.listing import PageDep, add_links
from helpdesk_api.web.routing import ApiRouter

router = ApiRouter(prefix="/v1/webhooks/{webhook_id}", tags=["webhooks"])


async def _accepted(
    session: AsyncSession, principal: Principal, delivery: WebhookDelivery, response: Response
) -> dict[str, Any]:
    """What to look at for the outcome."""
    path = f"/v1/webhooks/{public_id('whk', delivery.webhook_id)}/deliveries/{public_id('whd', delivery.id)}"
    response.headers["Location"] = path
    return await queries.get_delivery(await statements_of(session), principal, delivery.webhook_id, delivery.id)


@router.get(
    "/deliveries",
    operation_id="listWebhookDeliveries",
    summary="List a webhook's deliveries",
    response_model=WebhookDeliveryPage,
    dependencies=READ,
    responses=documents(errors.WebhookNotFound, InvalidCursor),
)
async def list_deliveries(
    webhook_id: WebhookId,
    page: PageDep,
    principal: PrincipalDep,
    reads: ReadSessionDep,
    response: Response,
    state: Annotated[ListedDeliveryState | None, Query(description="Only these.")] = None,
) -> Any:
    """The latest first, each with its attempts. They are forgotten after some weeks."""
    answer = await queries.list_deliveries(reads, principal, webhook_id, page, state=state)
    add_links(response, page, answer)
    return answer


@router.get(
    "/deliveries/{delivery_id}",
    operation_id="getWebhookDelivery",
    summary="Read a delivery",
    response_model=WebhookDeliveryRead,
    dependencies=READ,
    responses=documents(errors.WebhookNotFound, errors.WebhookDeliveryNotFound),
)
async def get_delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, principal: PrincipalDep, reads: ReadSessionDep
) -> Any:
    """With what was answered to each attempt."""
    return await queries.get_delivery(reads, principal, webhook_id, delivery_id)


@router.post(
    "/deliveries/{delivery_id}/redeliver",
    operation_id="redeliverWebhookDelivery",
    summary="Post it again",
    status_code=202,
    response_model=WebhookDeliveryRead,
    dependencies=WRITE,
    responses=documents(errors.WebhookNotFound, errors.WebhookDeliveryNotFound, errors.WebhookInactive),
)
async def redeliver(
    webhook_id: WebhookId,
    delivery_id: DeliveryId,
    principal: PrincipalDep,
    session: SessionDep,
    response: Response,
) -> Any:
    """At once, under the same `webhook-id`, and with a whole schedule of attempts ahead."""
    webhook = await queries.lock_webhook(session, principal, webhook_id)
    delivery = await replaying.redeliver(session, webhook, delivery_id)
    return await _accepted(session, principal, delivery, response)


@router.post(
    "/test",
    operation_id="testWebhook",
    summary="Post a test event",
    status_code=202,
    response_model=WebhookDeliveryRead,
    dependencies=WRITE,
    responses=documents(errors.WebhookNotFound, errors.WebhookInactive),
)
async def test_webhook(webhook_id: WebhookId, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """A `webhook.test` event to this webhook alone, whatever its types and conditions. Read the delivery to see what
    was answered."""
    webhook = await queries.lock_webhook(session, principal, webhook_id)
    return await _accepted(session, principal, await replaying.send_test(session, webhook), response)
