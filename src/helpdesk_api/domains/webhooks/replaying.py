"""Posting again, and posting a test."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.ids import first_id_at, new_id
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.tickets.policy import any_of
from helpdesk_api.domains.users.models import User
from helpdesk_api.domains.webhooks.enums import DeliveryState
from helpdesk_api.domains.webhooks.errors import ReplayTooLarge, WebhookDeliveryNotFound, WebhookInactive
from helpdesk_api.domains.webhooks.fan_out import add_deliveries, select_progress
from helpdesk_api.domains.webhooks.matching import matches
from helpdesk_api.domains.webhooks.models import Webhook, WebhookDelivery, WebhookProgress
from helpdesk_api.domains.webhooks.payloads import TEST_EVENT
from helpdesk_api.domains.webhooks.schemas import WebhookReplay
from helpdesk_api.outbox.models import EventRow

MAX_REPLAYED = 10_000


async def redeliver(session: AsyncSession, webhook: Webhook, delivery_id: UUID) -> WebhookDelivery:
    """Due at once under the id that it has, with a whole schedule ahead; one under way is left alone.

    Raises `webhook_inactive` and `webhook_delivery_not_found`.
    """
    _require_active(webhook)
    mine = (WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook.id)
    shown = WebhookDelivery.state != DeliveryState.WITHHELD
    found = await session.scalar(select(WebhookDelivery).where(*mine, shown).with_for_update())
    if found is None:
        raise WebhookDeliveryNotFound
    if found.leased_by is None:
        found.state, found.step, found.next_attempt_at = DeliveryState.PENDING, 0, clock.now()
        await session.flush()
    return found


async def replay(session: AsyncSession, webhook: Webhook, body: WebhookReplay) -> int:
    """How many are posted again. Raises `webhook_inactive` and `replay_too_large`."""
    _require_active(webhook)
    last_number = await session.scalar(select_progress(webhook.id)) or 0
    owner = await session.get_one(User, webhook.owner_id)
    asked = {
        "id": webhook.id,
        "conditions": webhook.conditions,
        "role": owner.role,
        "sees_organization": owner.sees_organization,
        "organization_id": owner.organization_id,
    }
    # Ids are in the order of recording, so their index finds the stretch.
    stretch = and_(
        EventRow.sequence.is_not(None), EventRow.id >= first_id_at(body.from_), EventRow.id < first_id_at(body.to)
    )
    statements = await statements_of(session)
    [statement] = matches([asked], stretch)
    pairs = await statements.fetch(statement.limit(MAX_REPLAYED + 1))
    if len(pairs) > MAX_REPLAYED:
        message = f"That is more than {MAX_REPLAYED:,} events."
        raise ReplayTooLarge(message, pointer="#/to")
    known = set(await _requeue(session, webhook.id, [pair["id"] for pair in pairs]))
    await add_deliveries(session, [pair for pair in pairs if pair["id"] not in known], {webhook.id: last_number})
    return len(pairs)


async def _requeue(session: AsyncSession, webhook_id: UUID, event_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Those that have a delivery already: it is due again, unless it is under way. Locked in the order of claims."""
    of_events = (WebhookDelivery.webhook_id == webhook_id, any_of(WebhookDelivery.event_id, event_ids))
    rows = await session.execute(
        select(WebhookDelivery.id, WebhookDelivery.event_id, WebhookDelivery.leased_by)
        .where(*of_events)
        .order_by(WebhookDelivery.number)
        .with_for_update()
    )
    found = rows.all()
    again = [row.id for row in found if row.leased_by is None]
    fresh = {"state": DeliveryState.PENDING, "step": 0, "next_attempt_at": clock.now()}
    await session.execute(
        update(WebhookDelivery)
        .where(any_of(WebhookDelivery.id, again))
        .values(fresh)
        .execution_options(synchronize_session=False)
    )
    return [row.event_id for row in found]


async def send_test(session: AsyncSession, webhook: Webhook) -> WebhookDelivery:
    """A `webhook.test` event that is in no log and goes to this one only. Raises `webhook_inactive`."""
    _require_active(webhook)
    number = (await session.scalar(select_progress(webhook.id)) or 0) + 1
    now = clock.now()
    delivery = WebhookDelivery(
        id=new_id(),
        webhook_id=webhook.id,
        number=number,
        event_id=new_id(),
        event_type=TEST_EVENT,
        is_test=True,
        trace_id=None,
        state=DeliveryState.PENDING,
        step=0,
        attempt_count=0,
        next_attempt_at=now,
        leased_by=None,
        last_status=None,
        last_error=None,
        created_at=now,
        delivered_at=None,
    )
    session.add(delivery)
    moved = update(WebhookProgress).where(WebhookProgress.webhook_id == webhook.id).values(last_number=number)
    await session.execute(moved)
    await session.flush()
    return delivery


def _require_active(webhook: Webhook) -> None:
    if not webhook.is_active:
        raise WebhookInactive
