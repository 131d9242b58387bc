"""When an API key was last used, written at most once a minute and never in the way of the request."""

import asyncio
from contextvars import Context
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import or_, update
from sqlalchemy.exc import SQLAlchemyError

from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication.models import ApiKey

logger = structlog.get_logger(__name__)
WRITE_EVERY = timedelta(minutes=1)
_written: dict[UUID, datetime] = {}
# The loop holds its tasks weakly; without this one could vanish half-way.
_writing: set[asyncio.Task[None]] = set()


def note_use(database: Database, key_id: UUID) -> None:
    """Returns at once; the write is a task of its own, outside the request and its count of statements."""
    now = clock.now()
    last = _written.get(key_id)
    if last is not None and now - last < WRITE_EVERY:
        return
    _written[key_id] = now
    task = asyncio.get_running_loop().create_task(_write(database, key_id, now), context=Context())
    _writing.add(task)
    task.add_done_callback(_writing.discard)


async def settled() -> None:
    """Once everything noted so far is written: for a process that stops, and for tests."""
    while _writing:
        await asyncio.gather(*_writing)


async def _write(database: Database, key_id: UUID, at: datetime) -> None:
    try:
        async with database.durable() as session:
            await session.execute(
                update(ApiKey)
                .where(ApiKey.id == key_id, or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < at))
                .values(last_used_at=at)
            )
    except (SQLAlchemyError, OSError) as error:
        # Nobody waits for it, and the next use tries again.
        _written.pop(key_id, None)
        logger.warning("api_key_use_not_written", api_key_id=str(key_id), error=str(error))
