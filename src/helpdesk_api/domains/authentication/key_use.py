"""When an API key was last used, written at most once a minute and never in the way of the request."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update

from helpdesk_api.database import clock
from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication.models import ApiKey

WRITE_EVERY = timedelta(minutes=1)
_written: dict[UUID, datetime] = {}


async def note_use(database: Database, key_id: UUID) -> None:
    now = clock.now()
    last = _written.get(key_id)
    if last is not None and now - last < WRITE_EVERY:
        return
    _written[key_id] = now
    async with database.durable() as session:
        await session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=now))
