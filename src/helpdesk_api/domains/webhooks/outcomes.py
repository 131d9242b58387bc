"""What came of attempts, written down in one transaction with what follows from it for their endpoints."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import cache
from http import HTTPStatus
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Integer, SmallInteger, Table, Text, Uuid, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database
from helpdesk_api.database.types import UtcDateTime
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.webhooks import events
from helpdesk_api.domains.webhooks.claiming import Claimed
from helpdesk_api.domains.webhooks.enums import CircuitState, DeliveryState, WebhookDisabledReason
from helpdesk_api.domains.webhooks.models import Webhook, WebhookAttempt, WebhookDelivery, WebhookProgress
from helpdesk_api.domains.webhooks.recording import record_webhook
from helpdesk_api.domains.webhooks.rules import is_hopeless, next_attempt, next_probe, opens


class Verdict(Enum):
    """How an attempt ended; `WITHHELD` is none, since the owner may not read the event."""

    TAKEN = auto()
    FAILED = auto()
    GONE = auto()
    WITHHELD = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    started_at: datetime
    duration_ms: int = 0
    status: int | None = None
    error: str | None = None
    head: str | None = None

    @classmethod
    def answered(cls, started_at: datetime, duration_ms: int, status: int, head: str) -> "Outcome":
        """By its status: 2xx is taken, 410 says that nothing is wanted any more, all else failed."""
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return cls(Verdict.TAKEN, started_at, duration_ms, status, None, head)
        verdict = Verdict.GONE if status == HTTPStatus.GONE else Verdict.FAILED
        return cls(verdict, started_at, duration_ms, status, f"answered {status}", head)


Ended = tuple[Claimed, Outcome]


async def write_down(database: Database, ended: Sequence[Ended]) -> None:
    """In one transaction, however many. Nothing is written of a delivery whose lease somebody else has by now: it is
    theirs to write."""
    by_webhook: dict[UUID, list[Ended]] = {}
    for one in ended:
        by_webhook.setdefault(one[0].webhook_id, []).append(one)
    async with database.session() as session:
        # In one order, so that two workers cannot wait for each other.
        for webhook_id in sorted(by_webhook):
            await _note(session, webhook_id, by_webhook[webhook_id])
        await session.flush()
        rows = [_values(claimed, outcome) for claimed, outcome in sorted(ended, key=lambda one: one[0].id)]
        await (await statements_of(session)).execute_many(_finish(), rows)


async def release(database: Database, one: Claimed) -> None:
    """Give it back untried, due at once."""
    async with database.session() as session:
        given = {"delivery": one.id, "lease": one.lease, "now": clock.now()}
        await (await statements_of(session)).fetch(_give_back(), given)


def _values(one: Claimed, outcome: Outcome) -> dict[str, Any]:
    now = clock.now()
    is_attempt = outcome.verdict is not Verdict.WITHHELD
    step = one.step + 1 if is_attempt else one.step
    following = next_attempt(step, now, random.random()) if outcome.verdict is Verdict.FAILED else None  # noqa: S311
    return {
        "delivery": one.id,
        "lease": one.lease,
        "given_state": _state(outcome.verdict, following),
        "given_step": step,
        "given_count": one.attempt_count + int(is_attempt),
        "given_next": following,
        "given_status": outcome.status,
        "given_error": outcome.error,
        "given_delivered": now if outcome.verdict is Verdict.TAKEN else None,
        "given_start": outcome.started_at if is_attempt else None,
        "given_duration": outcome.duration_ms,
        "given_head": outcome.head,
    }


def _state(verdict: Verdict, following: datetime | None) -> DeliveryState:
    if verdict is Verdict.TAKEN:
        return DeliveryState.DELIVERED
    if verdict is Verdict.WITHHELD:
        return DeliveryState.WITHHELD
    return DeliveryState.PENDING if following is not None else DeliveryState.DEAD


@cache
def _finish() -> CompiledStatement:
    """One statement: the delivery as it is now, and its attempt."""
    delivery, attempt = cast("Table", WebhookDelivery.__table__), cast("Table", WebhookAttempt.__table__)
    status, error = bindparam("given_status", type_=SmallInteger), bindparam("given_error", type_=Text)
    done = (
        update(delivery)
        .where(
            delivery.c.id == bindparam("delivery", type_=Uuid(as_uuid=True)),
            delivery.c.leased_by == bindparam("lease", type_=Uuid(as_uuid=True)),
        )
        .values(
            state=bindparam("given_state", type_=delivery.c.state.type),
            step=bindparam("given_step"),
            attempt_count=bindparam("given_count"),
            next_attempt_at=bindparam("given_next"),
            leased_by=None,
            last_status=status,
            last_error=error,
            delivered_at=bindparam("given_delivered"),
        )
        .returning(delivery.c.id, delivery.c.attempt_count)
        .cte("done")
    )
    start = bindparam("given_start", type_=UtcDateTime())
    made = select(
        done.c.id,
        done.c.attempt_count,
        start,
        bindparam("given_duration", type_=Integer),
        status,
        error,
        bindparam("given_head", type_=Text),
    ).where(start.is_not(None))
    names = ["delivery_id", "number", "started_at", "duration_ms", "status", "error", "answer_head"]
    return CompiledStatement(insert(attempt).from_select(names, made))


@cache
def _give_back() -> CompiledStatement:
    table = cast("Table", WebhookDelivery.__table__)
    mine = (table.c.id == bindparam("delivery"), table.c.leased_by == bindparam("lease", type_=Uuid(as_uuid=True)))
    return CompiledStatement(update(table).where(*mine).values(next_attempt_at=bindparam("now"), leased_by=None))


async def _held(session: AsyncSession, webhook_id: UUID) -> tuple[Webhook, WebhookProgress] | None:
    """Both locked, the webhook first; None when it is deleted."""
    webhook = await session.scalar(select(Webhook).where(Webhook.id == webhook_id).with_for_update(key_share=True))
    if webhook is None:
        return None
    held = select(WebhookProgress).where(WebhookProgress.webhook_id == webhook_id).with_for_update(key_share=True)
    progress = await session.scalar(held)
    return (webhook, progress) if progress is not None else None


async def _note(session: AsyncSession, webhook_id: UUID, ended: Sequence[Ended]) -> None:
    """How the endpoint fares, outcome by outcome; nothing is asked of one that took everything, as it does mostly."""
    told = [
        outcome.verdict
        for claimed, outcome in ended
        if outcome.verdict in {Verdict.FAILED, Verdict.GONE}
        or (outcome.verdict is Verdict.TAKEN and _was_failing(claimed))
    ]
    held = await _held(session, webhook_id) if told else None
    if held is None:
        return
    for verdict in told:
        if verdict is Verdict.TAKEN:
            await _note_success(session, *held)
        else:
            await _note_failure(session, *held, gone=verdict is Verdict.GONE)


def _was_failing(claimed: Claimed) -> bool:
    return bool(claimed.webhook["failures"]) or claimed.webhook["circuit"] == CircuitState.OPEN.value


async def _note_success(session: AsyncSession, webhook: Webhook, progress: WebhookProgress) -> None:
    progress.failures, progress.failing_since, progress.probes, progress.next_probe_at = 0, None, 0, None
    if webhook.circuit is CircuitState.OPEN:
        webhook.circuit, webhook.circuit_opened_at = CircuitState.CLOSED, None
        await _changed(session, webhook, events.WebhookCircuitClosed, {"circuit": ("open", "closed")})


async def _note_failure(session: AsyncSession, webhook: Webhook, progress: WebhookProgress, *, gone: bool) -> None:
    now = clock.now()
    progress.failures += 1
    progress.failing_since = progress.failing_since or now
    if webhook.circuit is CircuitState.OPEN:
        progress.probes += 1
        progress.next_probe_at = next_probe(progress.probes, now, random.random())  # noqa: S311
    if not webhook.is_active:
        return
    if gone:
        await _disable(session, webhook, WebhookDisabledReason.GONE)
    elif webhook.circuit is CircuitState.OPEN:
        if is_hopeless(webhook.circuit_opened_at, now):
            await _disable(session, webhook, WebhookDisabledReason.FAILING)
    elif opens(progress.failures, progress.failing_since, now):
        webhook.circuit, webhook.circuit_opened_at = CircuitState.OPEN, now
        progress.probes, progress.next_probe_at = 0, next_probe(0, now, random.random())  # noqa: S311
        await _changed(session, webhook, events.WebhookCircuitOpened, {"circuit": ("closed", "open")})


async def _disable(session: AsyncSession, webhook: Webhook, reason: WebhookDisabledReason) -> None:
    webhook.is_active, webhook.disabled_reason = False, reason
    await _changed(session, webhook, events.WebhookDisabled, {"is_active": (True, False)})


async def _changed(
    session: AsyncSession,
    webhook: Webhook,
    kind: type[events.WebhookEvent],
    changes: dict[str, tuple[Any, Any]],
) -> None:
    webhook.version += 1
    webhook.updated_at = clock.now()
    await record_webhook(session, Principal.system(), webhook, kind, changes)
