"""The body of a delivery: the event as its owner may read it at this moment."""

from datetime import datetime
from typing import Any
from uuid import UUID

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.audit import queries as audit
from helpdesk_api.domains.audit.errors import EventNotFound
from helpdesk_api.domains.audit.schemas import Event
from helpdesk_api.domains.webhooks.enums import WebhookPayload
from helpdesk_api.domains.webhooks.schemas import ThinEvent
from helpdesk_api.domains.webhooks.settings import settings
from helpdesk_api.outbox.events import Visibility

TEST_EVENT = "webhook.test"


async def body_of(reads: ReadSession, owner: Principal, event_id: UUID, payload: WebhookPayload) -> bytes | None:
    """None when the owner may not read it, or not any more."""
    try:
        found = await audit.get_event(reads, owner, event_id)
    except EventNotFound:
        return None
    return _written(found, payload)


def body_of_test(
    owner: Principal, webhook_id: UUID, event_id: UUID, occurred_at: datetime, payload: WebhookPayload
) -> bytes:
    """An event that is in no log."""
    return _written(
        {
            "id": event_id,
            "sequence": None,
            "type": TEST_EVENT,
            "subject": {"type": "webhook", "id": public_id("whk", webhook_id)},
            "ticket_id": None,
            "occurred_at": occurred_at,
            "actor": {"id": owner.user_id, "name": owner.name, "kind": owner.kind},
            "visibility": Visibility.PUBLIC,
            "changes": [],
            "internal_changes": None,
            "details": [],
            "internal_details": None,
            "cause": None,
        },
        payload,
    )


def _written(event: dict[str, Any], payload: WebhookPayload) -> bytes:
    if payload is WebhookPayload.FULL:
        return Event.model_validate(event).model_dump_json().encode()
    url = f"{settings().public_url.rstrip('/')}/v1/events/{public_id('evt', event['id'])}"
    return ThinEvent.model_validate({**event, "url": url}).model_dump_json().encode()
