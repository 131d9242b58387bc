"""Runs migrations on the URL that the caller gives, else on the settings'."""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from helpdesk_api import wiring
from helpdesk_api.config import get_settings
from helpdesk_api.database.base import Base

# Any constant: two processes that start at once migrate one after the other. Asked for again and again, since who waits
# for a lock is itself waited for by an index that is built while others write.
MIGRATION_LOCK = 7_041_776
LOCK_POLL_SECONDS = 0.2
# A migration waits this long for a lock, then fails; a queue of waiting writers behind it would be worse.
LOCK_TIMEOUT = "10s"

# Importing the wiring declares every table.
assert wiring.REACTIONS  # noqa: S101 - says what the import is for


def _ours(thing: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:  # noqa: FBT001 - Alembic's signature
    """The job queue's tables are its library's."""
    del thing, reflected, compare_to
    return kind != "table" or not (name or "").startswith("pgqueuer")


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        include_object=_ours,
    )
    with context.begin_transaction():
        context.run_migrations()


def offline() -> None:
    """Prints the SQL instead (`alembic upgrade head --sql`), for those who review it before it runs."""
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


async def online() -> None:
    url = context.config.attributes.get("url") or get_settings().database_url_required
    settings = {"lock_timeout": LOCK_TIMEOUT}
    engine = create_async_engine(url, poolclass=pool.NullPool, connect_args={"server_settings": settings})
    async with engine.connect() as connection:
        # Of the connection, and so until its end: a revision may need more than one transaction.
        while not await connection.scalar(text(f"SELECT pg_try_advisory_lock({MIGRATION_LOCK})")):
            await connection.rollback()
            await asyncio.sleep(LOCK_POLL_SECONDS)
        await connection.commit()
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    offline()
else:
    asyncio.run(online())
