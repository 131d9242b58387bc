"""Taking what is due, for a while: a lease that ends by itself, so that a killed worker's deliveries go on.

Out of each webhook's due deliveries a few are taken, so that a long queue of one holds up no other. Of an ordered one
it is the first that waits and what is due right behind it, and only by whoever gets that first one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    column,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database
from helpdesk_api.database.types import UtcDateTime
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.users.models import User
from helpdesk_api.domains.webhooks.enums import CircuitState, DeliveryState
from helpdesk_api.domains.webhooks.models import Webhook, WebhookDelivery, WebhookProgress

# Of one unordered endpoint, by one worker: what it posts and what comes next. More are taken when half of it is done,
# since to look for each that ends costs more than to deliver it.
SHARE = 32
# Behind the first of an ordered endpoint, in one lease.
RUN = 20

_UUIDS = ARRAY(Uuid(as_uuid=True))
_D = WebhookDelivery
_PENDING = _D.state == DeliveryState.PENDING
_CLAIMED = (_D.id, _D.webhook_id, _D.number, _D.event_id, _D.event_type, _D.is_test, _D.trace_id, _D.step,
            _D.attempt_count)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery under the lease `lease`, which ends at `until`. `webhook` has the columns of `_webhooks`."""

    id: UUID
    webhook_id: UUID
    number: int
    event_id: UUID
    event_type: str
    is_test: bool
    trace_id: str | None
    step: int
    attempt_count: int
    lease: UUID
    until: datetime
    webhook: Mapping[str, Any]


def _now() -> ColumnElement[datetime]:
    return bindparam("now", type_=UtcDateTime())


def _due() -> ColumnElement[bool]:
    return and_(_PENDING, _D.next_attempt_at <= _now())


def _eligible(*, ordered: bool) -> Any:
    """Webhooks that may be called now, in an order that favours none."""
    probing = Webhook.id == any_(bindparam("probing", type_=_UUIDS))
    return (
        select(Webhook.id, Webhook.circuit)
        .join(User, User.id == Webhook.owner_id)
        .where(
            Webhook.is_active,
            Webhook.is_ordered if ordered else ~Webhook.is_ordered,
            User.deactivated_at.is_(None),
            or_(Webhook.circuit == CircuitState.CLOSED, probing),
        )
        .order_by(func.random())
        .subquery("eligible")
    )


def _lease(ids: Any) -> CompiledStatement:
    leased = {"next_attempt_at": bindparam("until", type_=UtcDateTime()), "leased_by": bindparam("lease")}
    return CompiledStatement(update(_D).where(_D.id.in_(select(ids))).values(leased).returning(*_CLAIMED))


@cache
def _claim_unordered() -> CompiledStatement:
    """What is missing from the share of each endpoint, the longest due first; what somebody holds is passed over."""
    webhook = _eligible(ordered=False)
    busy = func.unnest(bindparam("busy_ids", type_=_UUIDS), bindparam("busy_counts", type_=ARRAY(BigInteger)))
    held = busy.table_valued(column("id", Uuid(as_uuid=True)), column("n", BigInteger)).render_derived("held")
    under_way = func.coalesce(select(held.c.n).where(held.c.id == webhook.c.id).scalar_subquery(), 0)
    half: Any = literal_column(str(SHARE // 2))
    most = case(
        (webhook.c.circuit == CircuitState.OPEN.value, func.greatest(1 - under_way, 0)),
        (under_way <= half, SHARE - under_way),
        else_=0,
    )
    picked = (
        select(_D.id)
        .where(_D.webhook_id == webhook.c.id, _due())
        .order_by(_D.next_attempt_at)
        .limit(most)
        .with_for_update(skip_locked=True)
        .correlate(webhook)
        .lateral("picked")
    )
    room: Any = bindparam("room", type_=BigInteger)
    ids = select(picked.c.id).select_from(webhook).join(picked, true()).limit(room).cte("ids")
    return _lease(ids.c.id)


@cache
def _claim_heads() -> CompiledStatement:
    """The first that waits, if it is due. One that was taken or done meanwhile fails the test again once it is locked,
    so nothing behind it is taken for the first."""
    webhook = _eligible(ordered=True)
    inner = aliased(WebhookDelivery)
    first = (
        select(inner.id)
        .where(inner.webhook_id == webhook.c.id, inner.state == DeliveryState.PENDING)
        .order_by(inner.number)
        .limit(1)
        .correlate(webhook)
        .scalar_subquery()
    )
    not_busy = webhook.c.id != func.all(bindparam("busy_ids", type_=_UUIDS))
    room: Any = bindparam("room", type_=BigInteger)
    ids = (
        select(_D.id)
        .join(webhook, webhook.c.id == _D.webhook_id)
        .where(_D.id == first, _due(), not_busy)
        .limit(room)
        .with_for_update(of=_D.__table__, skip_locked=True)
        .cte("ids")
    )
    return _lease(ids.c.id)


@cache
def _claim_followers() -> CompiledStatement:
    """What waits right behind the heads, up to the first that is not due."""
    heads = (
        func.unnest(bindparam("webhook_ids", type_=_UUIDS), bindparam("numbers", type_=ARRAY(BigInteger)))
        .table_valued(column("webhook_id", Uuid(as_uuid=True)), column("number", BigInteger))
        .render_derived("heads")
    )
    behind = (
        select(_D.id, _D.number, (_D.next_attempt_at <= _now()).label("is_due"))
        .where(_D.webhook_id == heads.c.webhook_id, _PENDING, _D.number > heads.c.number)
        .order_by(_D.number)
        .limit(literal_column(str(RUN - 1)))
        .with_for_update()
        .correlate(heads)
        .lateral("behind")
    )
    so_far = func.bool_and(behind.c.is_due).over(partition_by=heads.c.webhook_id, order_by=behind.c.number)
    run = select(behind.c.id, so_far.label("is_run")).select_from(heads).join(behind, true()).cte("run")
    return _lease(select(run.c.id).where(run.c.is_run).subquery().c.id)


@cache
def _take_probes() -> CompiledStatement:
    """Open circuits whose probe is due and that have something to send; whoever updates the row probes."""
    progress = WebhookProgress
    waiting = exists(select(_D.id).where(_D.webhook_id == progress.webhook_id, _due()))
    due = (
        select(progress.webhook_id)
        .join(Webhook, Webhook.id == progress.webhook_id)
        .where(Webhook.is_active, Webhook.circuit == CircuitState.OPEN, progress.next_probe_at <= _now(), waiting)
        .with_for_update(of=progress.__table__, skip_locked=True, key_share=True)
        .cte("due")
    )
    moved = update(progress).where(progress.webhook_id.in_(select(due.c.webhook_id)))
    return CompiledStatement(
        moved.values(next_probe_at=bindparam("until", type_=UtcDateTime())).returning(progress.webhook_id)
    )


@cache
def _webhooks() -> CompiledStatement:
    return CompiledStatement(
        select(*Webhook.__table__.c, WebhookProgress.failures)
        .join(WebhookProgress, WebhookProgress.webhook_id == Webhook.id)
        .where(Webhook.id == any_(bindparam("ids", type_=_UUIDS)))
    )


async def claim(
    database: Database, *, busy: Mapping[UUID, int], room: int, lease_for: timedelta
) -> dict[UUID, list[Claimed]]:
    """By webhook, in order; `busy` counts what this worker has under way. One short transaction."""
    if room <= 0:
        return {}
    async with database.session() as session:
        return await _claim(session, busy, room, lease_for)


async def _claim(
    session: AsyncSession, busy: Mapping[UUID, int], room: int, lease_for: timedelta
) -> dict[UUID, list[Claimed]]:
    statements = await statements_of(session)
    now, lease = clock.now(), new_id()
    until = now + lease_for
    probing = [row[0] for row in await statements.fetch(_take_probes(), {"now": now, "until": until})]
    given = {"now": now, "until": until, "lease": lease, "probing": probing, "busy_ids": list(busy), "room": room}
    rows = await statements.fetch(_claim_unordered(), {**given, "busy_counts": list(busy.values())})
    heads = await statements.fetch(_claim_heads(), given)
    running = [row for row in heads if row["webhook_id"] not in set(probing)]
    if running:
        behind = {
            "now": now,
            "until": until,
            "lease": lease,
            "webhook_ids": [row["webhook_id"] for row in running],
            "numbers": [row["number"] for row in running],
        }
        heads += await statements.fetch(_claim_followers(), behind)
    rows += heads
    if not rows:
        return {}
    found = await statements.fetch(_webhooks(), {"ids": list({row["webhook_id"] for row in rows})})
    webhooks = {row["id"]: row for row in found}
    taken: dict[UUID, list[Claimed]] = {}
    for row in sorted(rows, key=lambda row: (row["webhook_id"], row["number"])):
        one = Claimed(**dict(row), lease=lease, until=until, webhook=webhooks[row["webhook_id"]])
        taken.setdefault(one.webhook_id, []).append(one)
    return taken
