"""The worker's loop: takes what is due, posts it outside any transaction, and writes down what came of it."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from helpdesk_api.authorization.grants import GRANTS, principal_of
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.authorization.secret_box import WrongSecretKey
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reachability import is_unreachable
from helpdesk_api.database.session import Database
from helpdesk_api.domains.webhooks.claiming import SHARE, Claimed, claim
from helpdesk_api.domains.webhooks.enums import WebhookPayload
from helpdesk_api.domains.webhooks.group_commit import GroupCommit
from helpdesk_api.domains.webhooks.outcomes import Outcome, Verdict, release
from helpdesk_api.domains.webhooks.payloads import body_of, body_of_test
from helpdesk_api.domains.webhooks.signing import headers_of, live_secrets
from helpdesk_api.integrations.http.protocol import HttpCaller, NotDelivered

logger = structlog.get_logger(__name__)
POLL_SECONDS = 0.5
# What one worker holds of all endpoints at once, and what it posts to one at a time.
ROOM = 512
PER_ENDPOINT = 8
# Shown to the webhook's owner; a receiver must never get what it cannot verify.
_UNREADABLE = (
    "not sent: the secret cannot be read, since it was stored under another HELPDESK_SECRET_KEY; rotate the secret, or "
    "have the operator give the right key back"
)
# Looking again for each delivery that ends would cost more than the deliveries.
COALESCE_SECONDS = 0.01
ATTEMPT_TIMEOUT = timedelta(seconds=15)
MARGIN = timedelta(seconds=10)


class Deliverer:
    """One process's share of the deliveries; any number of them may run. `attempt_timeout` is the caller's own limit,
    and `margin` what may pass besides before another worker takes the delivery for abandoned."""

    def __init__(
        self,
        database: Database,
        caller: HttpCaller,
        *,
        attempt_timeout: timedelta = ATTEMPT_TIMEOUT,
        margin: timedelta = MARGIN,
    ) -> None:
        self._database = database
        self._caller = caller
        self._timeout = attempt_timeout
        self._lease = attempt_timeout + margin
        self._woken = asyncio.Event()
        self._outcomes = GroupCommit(database)
        self._busy: Counter[UUID] = Counter()
        self._lanes: dict[UUID, asyncio.Semaphore] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; attempts under way finish first."""
        while not stop.is_set():
            self._woken.clear()
            started = 0
            try:
                started = await self.start_due()
            except Exception as error:
                if is_unreachable(error):
                    logger.warning("webhooks_wait_for_database", error=str(error)[:500])
                else:
                    logger.exception("webhooks_failed")
            if not started:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)
            await asyncio.sleep(COALESCE_SECONDS)
        await self.finished()

    async def finished(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def start_due(self) -> int:
        """Take a share of what is due and begin to deliver it. Returns how many deliveries."""
        room = ROOM - self._busy.total()
        taken = await claim(self._database, busy=+self._busy, room=room, lease_for=self._lease)
        for webhook_id, claimed in taken.items():
            if claimed[0].webhook["is_ordered"]:
                self._start(webhook_id, self._deliver_run(claimed))
                continue
            for one in claimed:
                self._start(webhook_id, self._deliver(one))
        return sum(len(claimed) for claimed in taken.values())

    def _start(self, webhook_id: UUID, work: Coroutine[Any, Any, Any]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception:
                # Its lease ends by itself, and somebody tries again.
                logger.exception("webhook_delivery_failed", webhook_id=public_id("whk", webhook_id))

        task = asyncio.create_task(guarded())
        self._busy[webhook_id] += 1
        self._tasks.add(task)

        def done(ended: asyncio.Task[None]) -> None:
            self._tasks.discard(ended)
            self._busy[webhook_id] -= 1
            left = self._busy[webhook_id]
            if not left:
                del self._busy[webhook_id]
                self._lanes.pop(webhook_id, None)
            if left <= SHARE // 2:
                self._woken.set()

        task.add_done_callback(done)

    async def _deliver_run(self, claimed: Sequence[Claimed]) -> None:
        """One after the other; what fails holds up the rest, which goes back.

        The next is posted while the one before is written down. A kill in between repeats at most this run, each under
        the same id, and in order.
        """
        written: list[asyncio.Task[None]] = []
        rest: Sequence[Claimed] = ()
        for place, one in enumerate(claimed):
            outcome = await self._attempt(one) if self._is_in_time(one) or place == 0 else None
            if outcome is None:
                rest = claimed[place:]
                break
            written.append(asyncio.create_task(self._outcomes.write(one, outcome)))
            if outcome.verdict not in {Verdict.TAKEN, Verdict.WITHHELD}:
                rest = claimed[place + 1 :]
                break
        try:
            for left in rest:
                await release(self._database, left)
        finally:
            await asyncio.gather(*written)

    def _is_in_time(self, one: Claimed) -> bool:
        """Whether an attempt that begins now ends within the lease."""
        return clock.now() + self._timeout < one.until

    async def _deliver(self, one: Claimed) -> None:
        async with self._lanes.setdefault(one.webhook_id, asyncio.Semaphore(PER_ENDPOINT)):
            outcome = await self._attempt(one) if self._is_in_time(one) else None
        if outcome is None:
            await release(self._database, one)
        else:
            await self._outcomes.write(one, outcome)

    async def _attempt(self, one: Claimed) -> Outcome | None:
        """None when the owner is no longer there to judge by."""
        grants = await GRANTS.get(self._database, one.webhook["owner_id"].hex)
        if grants is None or not grants.is_active:
            return None
        started_at, began = clock.now(), time.perf_counter()

        def elapsed() -> int:
            return int((time.perf_counter() - began) * 1_000)

        try:
            body = await self._body(one, principal_of(grants), started_at)
            if body is None:
                return Outcome(Verdict.WITHHELD, started_at)
            headers = headers_of(
                delivery_id=one.id,
                event_id=one.event_id,
                trace_id=one.trace_id,
                body=body,
                secrets=live_secrets(one.webhook, started_at),
                now=started_at,
            )
            answer = await self._caller.post(one.webhook["url"], body, headers)
        except WrongSecretKey:
            return Outcome(Verdict.FAILED, started_at, elapsed(), error=_UNREADABLE)
        except NotDelivered as error:
            return Outcome(Verdict.FAILED, started_at, elapsed(), error=str(error)[:500])
        return Outcome.answered(started_at, elapsed(), answer.status, answer.head)

    async def _body(self, one: Claimed, owner: Principal, now: datetime) -> bytes | None:
        payload = WebhookPayload(one.webhook["payload"])
        if one.is_test:
            return body_of_test(owner, one.webhook_id, one.event_id, now, payload)
        async with self._database.reads() as reads:
            return await body_of(reads, owner, one.event_id, payload)


async def deliver_due(database: Database, caller: HttpCaller) -> int:
    """Everything that is due, here and now, without a worker. Returns how many attempts and refusals to read."""
    deliverer, total = Deliverer(database, caller), 0
    while started := await deliverer.start_due():
        await deliverer.finished()
        total += started
    return total
