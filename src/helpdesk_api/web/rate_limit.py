"""General request limits, shared by all processes: each counts in itself from blocks that it leases.

A block is leased in the background, one statement for some tenth of a caller's minute, so no request waits for it.
A burst over several processes may therefore go beyond the limit by one block a process.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy import BigInteger, Integer, delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database import clock
from helpdesk_api.database.base import Base
from helpdesk_api.database.session import Database
from helpdesk_api.web.errors import TooManyRequests

logger = structlog.get_logger(__name__)
WINDOW_SECONDS = 60
BLOCKS = 10
_MAX_CALLERS = 50_000


class RateLimited(TooManyRequests):
    code = "rate_limited"
    title = "Too many requests"


class RateWindow(Base):
    """How much of one caller's minute is leased. Unlogged: a crash gives a minute away."""

    __tablename__ = "rate_windows"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    caller: Mapped[str] = mapped_column(primary_key=True)
    minute: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    leased: Mapped[int] = mapped_column(Integer, server_default=text("0"))


@dataclass(frozen=True, slots=True)
class RateState:
    """What is left of a caller's minute, as far as this process knows, and in how many seconds the next begins."""

    limit: int
    remaining: int
    reset_seconds: int


@dataclass(slots=True)
class _Minute:
    minute: int
    granted: int
    used: int = 0
    is_exhausted: bool = False
    leasing: asyncio.Task[None] | None = field(default=None)


Lease = Callable[[str, int, int, int], Awaitable[bool]]


class RateLimiter:
    """`lease(caller, minute, block, limit)` says whether the minute still had that block; without one this process
    counts for itself alone."""

    def __init__(self, per_minute: int, lease: Lease | None = None) -> None:
        self._limit = per_minute
        self._block = per_minute if lease is None else max(1, per_minute // BLOCKS)
        self._lease = lease
        self._minutes: dict[str, _Minute] = {}

    def take(self, caller: str) -> RateState:
        """Raises `rate_limited` (429, Retry-After) when the caller's minute is used up."""
        now = time.time()
        minute, reset = int(now // WINDOW_SECONDS), max(1, round(WINDOW_SECONDS - now % WINDOW_SECONDS))
        state = self._minutes.get(caller)
        if state is None or state.minute != minute:
            state = self._begin(caller, minute)
        if state.used >= state.granted:
            raise RateLimited(reset if state.is_exhausted or self._lease is None else 1)
        state.used += 1
        if state.granted - state.used <= self._block // 2:
            self._lease_more(caller, state)
        left = (0 if state.is_exhausted else self._limit - state.granted) + state.granted - state.used
        return RateState(self._limit, max(0, left), reset)

    def _begin(self, caller: str, minute: int) -> _Minute:
        if len(self._minutes) >= _MAX_CALLERS:
            self._minutes = {key: value for key, value in self._minutes.items() if value.minute == minute}
        state = self._minutes[caller] = _Minute(minute, 0)
        # The first block is used while it is being leased.
        self._lease_more(caller, state)
        state.granted = self._block
        return state

    def _lease_more(self, caller: str, state: _Minute) -> None:
        if self._lease is None or state.is_exhausted or state.leasing is not None:
            return
        first = state.granted == 0
        state.leasing = asyncio.create_task(self._leased(self._lease, caller, state, first=first))

    async def _leased(self, lease: Lease, caller: str, state: _Minute, *, first: bool) -> None:
        try:
            had = await lease(caller, state.minute, self._block, self._limit)
        except (SQLAlchemyError, OSError) as error:
            # Without the database there is little to protect; the next request tries again.
            logger.warning("rate_lease_failed", error=str(error))
            return
        finally:
            state.leasing = None
        if not had:
            state.is_exhausted = True
        elif not first:
            state.granted += self._block


def lease_from(database: Database) -> Lease:
    """Leases kept in PostgreSQL, committed by themselves."""

    async def lease(caller: str, minute: int, block: int, limit: int) -> bool:
        statement = insert(RateWindow).values(caller=caller, minute=minute, leased=block)
        statement = statement.on_conflict_do_update(
            index_elements=[RateWindow.caller, RateWindow.minute],
            set_={"leased": RateWindow.leased + block},
            where=RateWindow.leased + block <= limit,
        )
        async with database.durable() as session:
            return (await session.execute(statement.returning(RateWindow.leased))).scalar() is not None

    return lease


async def drop_past_windows(session: AsyncSession, payload: dict[str, object]) -> None:
    """Scheduled: minutes that are over."""
    del payload
    minute = int(clock.now().timestamp() // WINDOW_SECONDS)
    await session.execute(delete(RateWindow).where(RateWindow.minute < minute - 1))
