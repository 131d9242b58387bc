"""Events about webhooks: for administrators, with the host of the address and never the whole of it."""

from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import public_id
from helpdesk_api.domains.webhooks.events import WebhookEvent
from helpdesk_api.domains.webhooks.models import Webhook
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""


async def record_webhook(
    session: AsyncSession,
    principal: Principal,
    webhook: Webhook,
    kind: type[WebhookEvent],
    changes: dict[str, tuple[Any, Any]] | None = None,
) -> None:
    reason = webhook.disabled_reason
    event = kind(
        subject_id=webhook.id,
        visibility=Visibility.INTERNAL,
        internal_changes=changes or {},
        internal_data={
            "owner_id": public_id("usr", webhook.owner_id),
            "host": host_of(webhook.url),
            "description": webhook.description,
            "disabled_reason": reason.value if reason is not None else None,
        },
        entity=webhook,
    )
    await record(session, principal, event)
