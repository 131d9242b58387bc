"""Turns, for what counts before it adds: two at once would each find the last place free."""

from hashlib import blake2b
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession


async def take_turn(session: AsyncSession, of: str, *whose: UUID | str | None) -> None:
    """Waits for whoever has the same turn, and keeps it until the transaction ends. No row is locked."""
    name = ":".join((of, *map(str, whose)))
    number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)
    await session.execute(select(func.pg_advisory_xact_lock(number)))
