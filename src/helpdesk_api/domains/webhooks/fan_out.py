"""From events to deliveries, in the transaction that gives the events their place in the log."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.writes import insert_rows, new_entity, statements_of
from helpdesk_api.domains.users.models import User
from helpdesk_api.domains.webhooks.enums import DeliveryState
from helpdesk_api.domains.webhooks.matching import matches, wants
from helpdesk_api.domains.webhooks.models import Webhook, WebhookDelivery, WebhookProgress
from helpdesk_api.outbox.models import EventRow

# Parameters of one statement are bounded, and so is what one round trip holds.
_CHUNK = 5_000


@cache
def _listening() -> CompiledStatement:
    """Active webhooks of active owners. Their progress is locked: numbers are given by one transaction at a time."""
    return CompiledStatement(
        select(
            Webhook.id,
            Webhook.event_types,
            Webhook.conditions,
            WebhookProgress.last_number,
            User.role,
            User.sees_organization,
            User.organization_id,
        )
        .join(WebhookProgress, WebhookProgress.webhook_id == Webhook.id)
        .join(User, User.id == Webhook.owner_id)
        .where(Webhook.is_active, User.deactivated_at.is_(None))
        .order_by(Webhook.id)
        .with_for_update(of=WebhookProgress.__table__, key_share=True)
    )


async def make_deliveries(session: AsyncSession, events: Sequence[tuple[int, UUID, str]]) -> None:
    """The relay's follower: sequence, id and type of each event that it has just numbered, in order."""
    statements = await statements_of(session)
    listening = await statements.fetch(_listening())
    types = {event_type for _, _, event_type in events}
    webhooks = [_decoded(row) for row in listening if wants(row, types)]
    if not webhooks:
        return
    first, last = events[0][0], events[-1][0]
    pairs: list[Any] = []
    for statement in matches(webhooks, EventRow.sequence.between(first, last)):
        pairs += await statements.fetch(statement)
    numbers = {row["id"]: row["last_number"] for row in webhooks}
    await add_deliveries(session, pairs, numbers)


def _decoded(row: Any) -> dict[str, Any]:
    return dict(row)


async def add_deliveries(session: AsyncSession, pairs: Sequence[Any], numbers: Mapping[UUID, int]) -> None:
    """`pairs` have `webhook_id`, `id`, `type` and `trace_id`, in order; `numbers` are the last ones given, locked."""
    now = clock.now()
    last = dict(numbers)
    made: list[WebhookDelivery] = []
    for pair in pairs:
        last[pair["webhook_id"]] += 1
        made.append(
            new_entity(
                WebhookDelivery,
                id=new_id(),
                webhook_id=pair["webhook_id"],
                number=last[pair["webhook_id"]],
                event_id=pair["id"],
                event_type=pair["type"],
                is_test=False,
                trace_id=pair["trace_id"],
                state=DeliveryState.PENDING,
                step=0,
                attempt_count=0,
                next_attempt_at=now,
                created_at=now,
            )
        )
    for start in range(0, len(made), _CHUNK):
        await insert_rows(session, made[start : start + _CHUNK])
    moved = [{"moved": key, "last_number": number} for key, number in last.items() if number != numbers[key]]
    if moved:
        await (await statements_of(session)).execute_many(_move(), moved)


@cache
def _move() -> CompiledStatement:
    table = cast("Table", WebhookProgress.__table__)
    return CompiledStatement(update(table).where(table.c.webhook_id == bindparam("moved")), columns=["last_number"])


def select_progress(webhook_id: UUID) -> Select[int]:
    """The last number that a webhook gave, locked until the caller's transaction ends."""
    return (
        select(WebhookProgress.last_number)
        .where(WebhookProgress.webhook_id == webhook_id)
        .with_for_update(key_share=True)
    )
