"""Reads of webhooks and their deliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.tickets.policy import any_of
from helpdesk_api.domains.webhooks import policy
from helpdesk_api.domains.webhooks.enums import DeliveryState, ListedDeliveryState
from helpdesk_api.domains.webhooks.errors import WebhookDeliveryNotFound, WebhookNotFound
from helpdesk_api.domains.webhooks.models import Webhook, WebhookAttempt, WebhookDelivery
from helpdesk_api.domains.webhooks.rules import allowed_actions
from helpdesk_api.domains.webhooks.signing import is_readable
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

MAX_WEBHOOKS = 100
MAX_ATTEMPTS = 20
_SHOWN = (
    Webhook.id,
    Webhook.owner_id,
    Webhook.url,
    Webhook.description,
    Webhook.event_types,
    Webhook.conditions,
    Webhook.payload,
    Webhook.is_ordered,
    Webhook.is_active,
    Webhook.disabled_reason,
    Webhook.circuit,
    Webhook.circuit_opened_at,
    Webhook.previous_secret_expires_at,
    Webhook.created_at,
    Webhook.updated_at,
    Webhook.version,
)
_ORDER = (
    SortKey("created_at", Webhook.created_at, datetime, descending=True),
    SortKey("id", Webhook.id, UUID, descending=True),
)
_BY_NUMBER = (SortKey("number", WebhookDelivery.number, int, descending=True),)


def _readable(principal: Principal) -> Select[Any]:
    return select(*_SHOWN).where(policy.readable(principal))


def shown(principal: Principal, webhook: Any) -> dict[str, Any]:
    """A row or an entity as it is answered."""
    is_entity = isinstance(webhook, Webhook)
    row = {column.key: getattr(webhook, column.key) for column in _SHOWN} if is_entity else dict(webhook)
    may_write = principal.has(Permission.WEBHOOKS_WRITE)
    return {**row, "allowed_actions": allowed_actions(may_write=may_write, is_active=row["is_active"])}


async def list_webhooks(reads: ReadSession, principal: Principal, page: PageRequest) -> dict[str, Any]:
    answer = await page_of(reads, _readable(principal), _ORDER, page)
    answer["data"] = [shown(principal, row) for row in answer["data"]]
    return answer


async def get_webhook(reads: ReadSession, principal: Principal, webhook_id: UUID) -> Any:
    """Raises `webhook_not_found`."""
    row = await reads.fetch_one(_readable(principal).where(Webhook.id == webhook_id))
    if row is None:
        raise WebhookNotFound
    return row


async def lock_webhook(session: AsyncSession, principal: Principal, webhook_id: UUID) -> Webhook:
    """Raises `webhook_not_found`. Deliveries may go on being made meanwhile."""
    statement = select(Webhook).where(Webhook.id == webhook_id, policy.readable(principal))
    found: Webhook | None = await session.scalar(statement.with_for_update(key_share=True))
    if found is None:
        raise WebhookNotFound
    return found


async def count_closed(session: AsyncSession) -> int:
    """How many webhooks cannot be signed for, since another HELPDESK_SECRET_KEY sealed their secret."""
    return sum(not is_readable(sealed) for sealed in await session.scalars(select(Webhook.sealed_secret)))


def _deliveries(webhook_id: UUID) -> Select[Any]:
    """What was withheld is not there: it would tell of an event that the owner may not read."""
    return select(*WebhookDelivery.__table__.c).where(
        WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state != DeliveryState.WITHHELD
    )


async def list_deliveries(
    reads: ReadSession,
    principal: Principal,
    webhook_id: UUID,
    page: PageRequest,
    *,
    state: ListedDeliveryState | None,
) -> dict[str, Any]:
    """Raises `webhook_not_found`."""
    await get_webhook(reads, principal, webhook_id)
    statement = _deliveries(webhook_id)
    if state is not None:
        statement = statement.where(WebhookDelivery.state == state.value)
    answer = await page_of(reads, statement, _BY_NUMBER, page)
    answer["data"] = await with_attempts(reads, principal, answer["data"])
    return answer


async def get_delivery(reads: ReadSession, principal: Principal, webhook_id: UUID, delivery_id: UUID) -> dict[str, Any]:
    """Raises `webhook_not_found` and `webhook_delivery_not_found`."""
    await get_webhook(reads, principal, webhook_id)
    row = await reads.fetch_one(_deliveries(webhook_id).where(WebhookDelivery.id == delivery_id))
    if row is None:
        raise WebhookDeliveryNotFound
    return (await with_attempts(reads, principal, [row]))[0]


async def with_attempts(reads: ReadSession, principal: Principal, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """As the schema has them, with one statement for the attempts of all."""
    attempts: dict[UUID, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
    if attempts:
        made = select(*WebhookAttempt.__table__.c).where(any_of(WebhookAttempt.delivery_id, list(attempts)))
        for row in await reads.fetch(made.order_by(WebhookAttempt.delivery_id, WebhookAttempt.number)):
            attempts[row["delivery_id"]].append(dict(row))
    return [
        {
            **dict(row),
            "number": row["number"] if principal.is_staff else None,
            "attempts": attempts[row["id"]][-MAX_ATTEMPTS:],
        }
        for row in rows
    ]
