"""What the worker does for webhooks besides delivering."""

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.ids import first_id_at
from helpdesk_api.domains.webhooks.models import WebhookDelivery
from helpdesk_api.domains.webhooks.settings import settings
from helpdesk_api.jobs.queue import enqueue

DROP_OLD = "webhooks.drop_old_deliveries"
BATCH = 5_000


async def drop_old(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: deliveries older than the setting, the oldest first; ids are in the order of time."""
    before = first_id_at(clock.now() - settings().kept_for)
    old = select(WebhookDelivery.id).where(WebhookDelivery.id < before).order_by(WebhookDelivery.id).limit(BATCH)
    dropped = await session.execute(
        delete(WebhookDelivery)
        .where(WebhookDelivery.id.in_(old))
        .returning(WebhookDelivery.id)
        .execution_options(synchronize_session=False)
    )
    if len(dropped.all()) == BATCH:
        batch = int(payload.get("batch", 0)) + 1
        # A key of its own: this job still runs while the next one is asked for.
        await enqueue(session, DROP_OLD, {"batch": batch}, dedupe_key=f"{DROP_OLD}:{batch}")
