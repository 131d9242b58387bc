"""Changing webhooks."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.errors import MissingScope
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.tree import Node, as_json
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.domains.users.models import User
from helpdesk_api.domains.webhooks import events
from helpdesk_api.domains.webhooks.enums import CircuitState
from helpdesk_api.domains.webhooks.errors import TooManyWebhooks, UnknownEventType
from helpdesk_api.domains.webhooks.fan_out import select_progress
from helpdesk_api.domains.webhooks.matching import read_conditions
from helpdesk_api.domains.webhooks.models import Webhook, WebhookProgress
from helpdesk_api.domains.webhooks.queries import MAX_WEBHOOKS
from helpdesk_api.domains.webhooks.recording import host_of, record_webhook
from helpdesk_api.domains.webhooks.schemas import WebhookCreate, WebhookUpdate
from helpdesk_api.domains.webhooks.signing import new_secret, sealed
from helpdesk_api.outbox.events import DomainEvent
from helpdesk_api.web.webhook_addresses import check_address

# The secret before the last rotation signs for as long as receivers may need to change over.
OVERLAP = timedelta(hours=24)


async def create_webhook(session: AsyncSession, principal: Principal, body: WebhookCreate) -> tuple[Webhook, str]:
    """The webhook and its secret, which is kept sealed.

    Raises `missing_scope`, `webhook_url_refused`, `unknown_event_type`, `invalid_conditions` and `too_many_webhooks`.
    """
    _require_reading(principal)
    _check(body.url, body.event_types, body.conditions)
    # Two at once would both find room.
    await session.scalar(select(User.id).where(User.id == principal.user_id).with_for_update(key_share=True))
    mine = select(func.count()).select_from(Webhook).where(Webhook.owner_id == principal.user_id)
    if (await session.scalar(mine) or 0) >= MAX_WEBHOOKS:
        raise TooManyWebhooks
    now, secret = clock.now(), new_secret()
    webhook = Webhook(
        id=new_id(),
        owner_id=principal.user_id,
        url=body.url,
        description=body.description,
        event_types=sorted(set(body.event_types)),
        conditions=as_json(body.conditions) if body.conditions is not None else None,
        payload=body.payload,
        is_ordered=body.is_ordered,
        is_active=body.is_active,
        disabled_reason=None,
        circuit=CircuitState.CLOSED,
        circuit_opened_at=None,
        sealed_secret=sealed(secret),
        sealed_previous_secret=None,
        previous_secret_expires_at=None,
        created_at=now,
        updated_at=now,
        version=1,
    )
    session.add(webhook)
    await session.flush()
    session.add(WebhookProgress(webhook_id=webhook.id))
    await session.flush()
    await record_webhook(session, principal, webhook, events.WebhookCreated, _told(webhook, {}))
    return webhook, secret


async def update_webhook(session: AsyncSession, principal: Principal, webhook: Webhook, body: WebhookUpdate) -> None:
    """Raises `missing_scope`, `webhook_url_refused`, `unknown_event_type` and `invalid_conditions`."""
    _require_reading(principal)
    given = body.model_dump(exclude_unset=True, exclude={"conditions"})
    _check(given.get("url"), given.get("event_types", ()), body.conditions)
    if "conditions" in body.model_fields_set:
        given["conditions"] = as_json(body.conditions) if body.conditions is not None else None
    if "event_types" in given:
        given["event_types"] = sorted(set(given["event_types"]))
    before = {name: getattr(webhook, name) for name, value in given.items() if getattr(webhook, name) != value}
    if not before:
        return
    for name in before:
        setattr(webhook, name, given[name])
    if "is_active" in before:
        webhook.disabled_reason = None
    if webhook.is_active and ("url" in before or "is_active" in before):
        await _begin_anew(session, webhook)
    webhook.version += 1
    webhook.updated_at = clock.now()
    await session.flush()
    await record_webhook(session, principal, webhook, events.WebhookUpdated, _told(webhook, before))


async def _begin_anew(session: AsyncSession, webhook: Webhook) -> None:
    """Whoever repairs a receiver need not wait for the next probe."""
    webhook.circuit, webhook.circuit_opened_at = CircuitState.CLOSED, None
    fresh = {"failures": 0, "failing_since": None, "probes": 0, "next_probe_at": None}
    await session.execute(update(WebhookProgress).where(WebhookProgress.webhook_id == webhook.id).values(fresh))


async def rotate_secret(session: AsyncSession, principal: Principal, webhook: Webhook) -> str:
    """The new secret; the present one signs besides for a day, and one before that no longer."""
    _require_reading(principal)
    secret, now = new_secret(), clock.now()
    webhook.sealed_previous_secret, webhook.previous_secret_expires_at = webhook.sealed_secret, now + OVERLAP
    webhook.sealed_secret = sealed(secret)
    webhook.version += 1
    webhook.updated_at = now
    await session.flush()
    await record_webhook(session, principal, webhook, events.WebhookSecretRotated)
    return secret


async def delete_webhook(session: AsyncSession, principal: Principal, webhook: Webhook) -> None:
    """With all its deliveries; what is under way may still arrive."""
    await record_webhook(session, principal, webhook, events.WebhookDeleted)
    # Held first, so that the relay, which holds it while it adds deliveries, and we do not wait for each other.
    await session.scalar(select_progress(webhook.id))
    await session.execute(delete(Webhook).where(Webhook.id == webhook.id))


def _require_reading(principal: Principal) -> None:
    """A webhook reads events, so its maker's credential must be one that may."""
    if not principal.has(Permission.EVENTS_READ):
        raise MissingScope(Permission.EVENTS_READ)


def _check(url: str | None, event_types: Any, conditions: Node | None) -> None:
    if url is not None:
        check_address(url, "#/url")
    known = known_types()
    for place, name in enumerate(event_types):
        if name not in known:
            raise UnknownEventType(pointer=f"#/event_types/{place}")
    if conditions is not None:
        read_conditions(conditions)


def known_types() -> frozenset[str]:
    """Of every event that the product records."""
    found, waiting = set(), [DomainEvent]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if "type" in vars(kind):
            found.add(kind.type)
    return frozenset(found)


def _told(webhook: Webhook, before: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """An address may hold a key, so only its host is told."""
    told = {name: (value, getattr(webhook, name)) for name, value in before.items()}
    if "url" in told:
        told["url"] = (host_of(before["url"]), host_of(webhook.url))
    return told
