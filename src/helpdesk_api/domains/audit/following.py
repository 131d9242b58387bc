"""Following the log as it grows: one reader a process, which hands each event to the connected callers who may read it.

The reader wakes on the relay's NOTIFY, and looks once a second besides; it reads each event once, whatever the number
of callers. Rights are judged when an event is handed over. While the process cannot hear that rights were lost, it
hands out nothing; the log waits.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, Request

from helpdesk_api.authorization.grants import GRANTS, warm_grants
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import cache, clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.audit.audience import Audience
from helpdesk_api.domains.audit.errors import StreamsUnavailable, TooManyStreams
from helpdesk_api.domains.audit.log_events import LogEvent, add_records, events_behind
from helpdesk_api.domains.audit.queries import Question
from helpdesk_api.domains.authentication.errors import TokenExpired
from helpdesk_api.domains.authentication.queries import API_KEY_PREFIX, api_keys_generation
from helpdesk_api.web.errors import ProblemError

logger = structlog.get_logger(__name__)
POLL_SECONDS = 1.0
BATCH = 500
# Events that wait for one caller; they are shared, so a caller costs as many references.
QUEUE_LIMIT = 1_000
# A comment at least this often, so that proxies keep a quiet connection and a dead one is noticed.
HEARTBEAT_SECONDS = 15.0
# A connection that takes nothing for so long is given up.
BLOCKED_SECONDS = 30.0
# Of one process, and of one caller in it.
MOST_FOLLOWERS = 10_000
MOST_OF_ONE_CALLER = 50
# Checking many callers' rights again must not hold up everything else.
_AT_ONCE = 200

Authenticator = Callable[[str, Database], Awaitable[Principal]]


class Ending(StrEnum):
    """Why a stream ends from our side."""

    SLOW = "slow"
    EXPIRED = "expired"
    RIGHTS_LOST = "rights_lost"
    VIEW_CHANGED = "view_changed"
    SHUTDOWN = "shutdown"


@dataclass(eq=False, slots=True)
class Follower:
    """One connected caller. `condition` asks more of an event's ticket than sight, and `condition_fields` are the
    fields that it asks for: an event that changed one of them may have taken its ticket out."""

    token: str
    principal: Principal
    asked: Question
    condition: Callable[[Any], bool] | None = None
    condition_fields: frozenset[str] = frozenset()
    position: int = 0
    ending: Ending | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: deque[tuple[LogEvent, bool | None]] = field(default_factory=deque)
    # When something was last sent; None for who wants no heartbeats.
    quiet_since: float | None = None
    is_beat_due: bool = False
    # Since when its connection takes nothing, and what to do when that lasts too long.
    blocked_since: float | None = None
    abandon: Callable[[], object] | None = None
    # What the principal was made of; as long as both are the current ones, its rights are.
    grants: object = None
    keys_generation: int = -1

    def offer(self, event: LogEvent) -> None:
        """Taken when it is news, asked for, and the caller's to read; with `in_view` where a condition was asked."""
        if event.sequence <= self.position or self.ending is not None:
            return
        if not event.is_asked_for(self.asked) or not event.may_be_read_by(self.principal):
            return
        in_view = None
        if self.condition is not None:
            in_view = event.record is not None and self.condition(event.record)
            if not in_view and self.condition_fields.isdisjoint(event.changed_fields(self.principal)):
                return
        if len(self.waiting) >= QUEUE_LIMIT:
            self.waiting.clear()
            self.end(Ending.SLOW)
            return
        self.waiting.append((event, in_view))
        self.woken.set()

    def tick(self, now: float) -> None:
        if self.quiet_since is not None and now - self.quiet_since >= HEARTBEAT_SECONDS:
            self.is_beat_due = True
            self.woken.set()
        if self.blocked_since is not None and now - self.blocked_since >= BLOCKED_SECONDS and self.abandon is not None:
            self.waiting.clear()
            self.end(Ending.SLOW)
            self.abandon()

    def end(self, why: Ending) -> None:
        if self.ending is None:
            self.ending = why
        self.woken.set()


class LogFollowing:
    """All followers of one process."""

    def __init__(self, database: Database, authenticator: Callable[[], Authenticator]) -> None:
        self._database = database
        self._authenticator = authenticator
        self._audience: Audience[Follower] = Audience()
        self._callers: Counter[UUID] = Counter()
        self._with_condition = 0
        self._woken = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._head = 0
        self._generation: tuple[int, int] | None = None
        self._ticked_at = 0.0
        self._is_closing = False
        # Callers who come back read what they missed; not all of them at once.
        self.catching_up = asyncio.Semaphore(4)

    def __len__(self) -> int:
        return len(self._audience)

    @property
    def is_idle(self) -> bool:
        """Whether nobody follows and nothing is being read."""
        return not len(self._audience) and (self._reader is None or self._reader.done())

    @property
    def head(self) -> int:
        """Up to where every follower has been offered everything."""
        return self._head

    @contextmanager
    def admitted(self, principal: Principal) -> Iterator[None]:
        """Room for one more. Raises `too_many_streams` (429) and `streams_unavailable` (503)."""
        if self._callers[principal.user_id] >= MOST_OF_ONE_CALLER:
            raise TooManyStreams(round(HEARTBEAT_SECONDS))
        if self._is_closing or self._callers.total() >= MOST_FOLLOWERS:
            raise StreamsUnavailable(headers={"Retry-After": "1"})
        self._callers[principal.user_id] += 1
        try:
            yield
        finally:
            self._callers[principal.user_id] -= 1
            if not self._callers[principal.user_id]:
                del self._callers[principal.user_id]

    def wake(self) -> None:
        self._woken.set()

    def attach(self, follower: Follower) -> bool:
        """From its position on it gets everything; False when the log has gone on since, and there is more to read."""
        if self._reader is None or self._reader.done():
            self._head = follower.position
            self._reader = asyncio.create_task(self._run())
        elif follower.position < self._head:
            return False
        self._audience.place(follower, follower.principal)
        self._with_condition += follower.condition is not None
        # Its rights may have changed since it was let in, which may be long ago when it had much to read.
        self._generation = None
        self._woken.set()
        if self._is_closing:
            follower.end(Ending.SHUTDOWN)
        return True

    def detach(self, follower: Follower) -> None:
        if follower in self._audience:
            self._audience.remove(follower)
            self._with_condition -= follower.condition is not None
        self._woken.set()

    def close(self) -> None:
        """Every stream ends with a word to come back: another process goes on where this one stopped."""
        self._is_closing = True
        for follower in self._audience:
            follower.end(Ending.SHUTDOWN)

    async def _run(self) -> None:
        while len(self._audience):
            self._woken.clear()
            try:
                await self._round()
                self._tick()
            except Exception:
                logger.exception("following_failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)

    async def _round(self) -> None:
        if not cache.is_listening():
            return
        while True:
            async with self._database.reads() as reads:
                events = await events_behind(reads, self._head, BATCH)
                if self._with_condition:
                    await add_records(reads, events)
            await self._check_rights()
            for event in events:
                for follower in self._audience.concerned(event):
                    follower.offer(event)
                self._end_views(event)
                # Nothing is awaited between the offers of one event, so a follower has got all up to here or none.
                self._head = event.sequence
            if len(events) < BATCH:
                return
            await asyncio.sleep(0)

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self._ticked_at >= POLL_SECONDS:
            self._ticked_at = now
            for follower in self._audience:
                follower.tick(now)

    def _end_views(self, event: LogEvent) -> None:
        kind, subject_id = event.subject
        if kind == "view" and self._with_condition:
            for follower in self._audience:
                if follower.asked.view_id == subject_id:
                    follower.end(Ending.VIEW_CHANGED)

    async def _check_rights(self) -> None:
        """Everybody is who they were when they connected, or is cut off. Costs nothing while nobody's rights change."""
        now = clock.now()
        for follower in self._audience:
            expires_at = follower.principal.expires_at
            if expires_at is not None and expires_at <= now:
                follower.end(Ending.EXPIRED)
        while self._generation != (generation := (GRANTS.generation, api_keys_generation())):
            doubtful = [follower for follower in self._audience if _is_doubtful(follower, generation[1])]
            await warm_grants(self._database, {follower.principal.user_id for follower in doubtful})
            for number, follower in enumerate(doubtful):
                await self.check(follower)
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            self._generation = generation

    async def check(self, follower: Follower) -> None:
        """Its rights as they are now; without them it ends."""
        keys_generation = api_keys_generation()
        try:
            principal = await self._authenticator()(follower.token, self._database)
        except TokenExpired:
            follower.end(Ending.EXPIRED)
            return
        except ProblemError:
            follower.end(Ending.RIGHTS_LOST)
            return
        if not principal.has(Permission.EVENTS_READ):
            follower.end(Ending.RIGHTS_LOST)
            return
        follower.grants = GRANTS.peek(principal.user_id.hex)
        follower.keys_generation = keys_generation
        if principal != follower.principal:
            follower.principal = principal
            if follower in self._audience:
                self._audience.place(follower, principal)


def _is_doubtful(follower: Follower, keys_generation: int) -> bool:
    if follower.ending is not None:
        return False
    if follower.grants is None or GRANTS.peek(follower.principal.user_id.hex) is not follower.grants:
        return True
    return follower.keys_generation != keys_generation and follower.token.startswith(API_KEY_PREFIX)


async def following_of(request: Request) -> LogFollowing:
    following: LogFollowing = request.app.state.following
    return following


FollowingDep = Annotated[LogFollowing, Depends(following_of)]
