"""Attempts to sign in, counted per account and per address in fixed windows.

Counted before the password is looked at, and committed by themselves: a refused attempt must count.
"""

import hashlib
from datetime import timedelta

from sqlalchemy import case, delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication.errors import TooManySignIns
from helpdesk_api.domains.authentication.models import SignInAttempt

# One address may be a whole office behind a router.
ADDRESS_FACTOR = 10
# What is left of İ beside its i.
_DOT_ABOVE = "\u0307"


def _account_key(email: str) -> str:
    """The same for all that PostgreSQL takes for one address, but by Turkish rules: else each would have a count."""
    folded = email.strip().casefold().replace(_DOT_ABOVE, "")
    return "account:" + hashlib.sha256(folded.encode("utf-8", "replace")).hexdigest()


async def count_attempt(database: Database, *, email: str, address: str, limit: int, window_seconds: int) -> None:
    """Raises `too_many_sign_ins` (429) with Retry-After when either count is over its limit."""
    now = clock.now()
    ends = now + timedelta(seconds=window_seconds)
    limits = {_account_key(email): limit, f"address:{address}": limit * ADDRESS_FACTOR}
    # Sorted, so that two callers lock the rows in one order.
    statement = insert(SignInAttempt).values(
        [{"key": key, "window_ends_at": ends, "count": 1} for key in sorted(limits)]
    )
    over = SignInAttempt.window_ends_at <= now
    statement = statement.on_conflict_do_update(
        index_elements=[SignInAttempt.key],
        set_={
            "count": case((over, 1), else_=SignInAttempt.count + 1),
            "window_ends_at": case((over, ends), else_=SignInAttempt.window_ends_at),
        },
    )
    async with database.durable() as session:
        rows = (
            await session.execute(
                statement.returning(
                    SignInAttempt.key, SignInAttempt.count.label("attempts"), SignInAttempt.window_ends_at
                )
            )
        ).all()
    exceeded = [row for row in rows if row.attempts > limits[row.key]]
    if exceeded:
        wait = max(row.window_ends_at for row in exceeded) - now
        raise TooManySignIns(max(1, round(wait.total_seconds() + 0.5)))


async def forgive(session: AsyncSession, *, email: str) -> None:
    """After a success: the account's own attempts start anew, the address's do not."""
    await session.execute(delete(SignInAttempt).where(SignInAttempt.key == _account_key(email)))


async def drop_past(session: AsyncSession) -> None:
    """Counts of windows that are over; anybody can make rows here by typing addresses."""
    await session.execute(delete(SignInAttempt).where(SignInAttempt.window_ends_at < clock.now()))
