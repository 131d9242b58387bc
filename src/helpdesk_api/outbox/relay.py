"""The relay: gives committed events their place in the log, and turns their consequences into jobs.

Order is by commit, as far as anybody can see: a transaction that commits late, with a lower position, is numbered
later, so a reader who has seen a number has seen everything before it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.reachability import is_unreachable
from helpdesk_api.database.session import Database
from helpdesk_api.jobs.queue import NewJob, enqueue_many
from helpdesk_api.jobs.runner import Handler
from helpdesk_api.outbox.events import DomainEvent
from helpdesk_api.outbox.models import EventRow, OutboxState
from helpdesk_api.outbox.pending import LOG_CHANNEL
from helpdesk_api.outbox.record import AfterCommit, Reactions

logger = structlog.get_logger(__name__)

REACT_JOB = "events.react"
BATCH = 500
POLL_SECONDS = 0.5
_STATE_ID = 1
# Any constant will do; it is the relay's alone.
_LOCK = 7_236_001

# Sequence, id and type of each event that was just numbered, in order; it writes in the relay's own transaction.
Follower = Callable[[AsyncSession, Sequence[tuple[int, UUID, str]]], Awaitable[None]]
ReactionTable = Mapping[type[DomainEvent], Reactions]


def reaction_name(reaction: AfterCommit) -> str:
    """The name that a waiting job keeps over a release: `notifications.reactions.tell_requester`."""
    return f"{reaction.__module__.removeprefix('helpdesk_api.').removeprefix('domains.')}.{reaction.__qualname__}"


def react(reactions: ReactionTable) -> Handler:
    """The handler of the jobs that the relay makes: one reaction to one event."""
    by_name = {reaction_name(reaction): reaction for entry in reactions.values() for reaction in entry.after_commit}

    async def run_reaction(session: AsyncSession, payload: dict[str, Any]) -> None:
        event = await session.get_one(EventRow, UUID(hex=payload["event_id"]))
        await by_name[payload["reaction"]](session, event)

    return run_reaction


class Relay:
    """One of possibly many; a lock lets one work at a time, and any other goes on where it stopped."""

    def __init__(
        self,
        database: Database,
        reactions: ReactionTable,
        *,
        followers: Sequence[Follower] = (),
        tell: Callable[[], None] | None = None,
        batch: int = BATCH,
    ) -> None:
        """`tell` is called when a batch is committed."""
        self._database = database
        self._followers = followers
        self._tell = tell
        self._batch = batch
        self._woken = asyncio.Event()
        self._consequences = {
            event.type: [reaction_name(reaction) for reaction in entry.after_commit]
            for event, entry in reactions.items()
        }

    def wake(self) -> None:
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; looks on a wake-up and each half second besides, since a wake-up may be lost."""
        while not stop.is_set():
            self._woken.clear()
            try:
                numbered = await self.relay_batch()
            except Exception as error:
                if is_unreachable(error):
                    logger.warning("relay_waits_for_database", error=str(error)[:500])
                else:
                    logger.exception("relay_failed")
                numbered = 0
            if numbered and self._tell is not None:
                self._tell()
            if numbered < self._batch:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)

    async def relay_batch(self) -> int:
        """Number one batch and enqueue its jobs, in one transaction. Returns how many events; 0 on a stand-by."""
        async with self._database.session() as session:
            if not await session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
                return 0
            return await self._number(session)

    async def _number(self, session: AsyncSession) -> int:
        last = await _last_sequence(session)
        waiting = (
            select(EventRow.id, EventRow.position)
            .where(EventRow.sequence.is_(None))
            .order_by(EventRow.position)
            .limit(self._batch)
            .subquery()
        )
        places = select(
            waiting.c.id,
            func.row_number().over(order_by=waiting.c.position).label("place"),
        ).subquery()
        rows = (
            await session.execute(
                update(EventRow)
                .where(EventRow.id == places.c.id)
                .values(sequence=last + places.c.place)
                .returning(EventRow.id, EventRow.type, EventRow.sequence)
                .execution_options(synchronize_session=False)
            )
        ).all()
        if not rows:
            return 0
        # There is one relay at a time, so this NOTIFY holds up no other commit.
        told = func.pg_notify(LOG_CHANNEL, "")
        await session.execute(update(OutboxState).values(last_sequence=last + len(rows)).returning(told))
        events = sorted((row.sequence, row.id, row.type) for row in rows)
        await enqueue_many(session, self._jobs(events))
        for follow in self._followers:
            await follow(session, events)
        return len(rows)

    def _jobs(self, events: Sequence[tuple[int, UUID, str]]) -> list[NewJob]:
        return [
            NewJob(
                name=REACT_JOB,
                payload={"event_id": event_id.hex, "reaction": reaction},
                dedupe_key=f"{event_id.hex}:{reaction}",
            )
            for _, event_id, event_type in events
            for reaction in self._consequences.get(event_type, ())
        ]


async def _last_sequence(session: AsyncSession) -> int:
    state = select(OutboxState.last_sequence).where(OutboxState.id == _STATE_ID).with_for_update()
    last = await session.scalar(state)
    if last is None:
        await session.execute(insert(OutboxState).values(id=_STATE_ID, last_sequence=0).on_conflict_do_nothing())
        last = await session.scalar(state)
    return last or 0
