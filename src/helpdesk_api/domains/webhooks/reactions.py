"""The owner is told by mail when their receiver is held to be down, and when a webhook was switched off for it."""

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.domains.notifications.enums import MailTemplate
from helpdesk_api.domains.notifications.posting import Letter, post
from helpdesk_api.domains.notifications.recipients import load_recipients
from helpdesk_api.domains.webhooks.enums import WebhookDisabledReason
from helpdesk_api.domains.webhooks.events import WebhookDisabled
from helpdesk_api.domains.webhooks.models import Webhook
from helpdesk_api.domains.webhooks.recording import host_of
from helpdesk_api.outbox.models import EventRow


async def tell_owner(session: AsyncSession, event: EventRow) -> None:
    """webhook.circuit_opened, webhook.disabled."""
    webhook = await session.get(Webhook, event.subject_id)
    if webhook is None:
        return
    owner = (await load_recipients(session, {webhook.owner_id}))[webhook.owner_id]
    facts = {
        "host": host_of(webhook.url),
        "description": webhook.description,
        "disabled": event.type == WebhookDisabled.type,
        "gone": event.internal_data.get("disabled_reason") == WebhookDisabledReason.GONE.value,
    }
    await post(session, event.id, [Letter(template=MailTemplate.WEBHOOK_FAILING, to=owner, facts=facts)])
