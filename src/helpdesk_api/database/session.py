"""Connections and transactions. Nothing outside this module and the job runner commits."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import copy
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from helpdesk_api.database.cache import forget_after_commit
from helpdesk_api.database.conversion import teach_instants
from helpdesk_api.database.read_connections import ReadConnections
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.statement_count import count_statement
from helpdesk_api.database.writes import WritingSession, forget_rows
from helpdesk_api.outbox.pending import wake_relay, write_pending

# A twin that waits longer than this on another's row gets a 409 instead of a hung connection.
LOCK_TIMEOUT = "5s"


class Database:
    """One process's doors to PostgreSQL: `session()` writes, `reads()` reads, `durable()` survives a refusal."""

    def __init__(self, url: str, *, pool_size: int = 10, statement_cache: int = 500) -> None:
        arguments: dict[str, Any] = {
            "statement_cache_size": statement_cache,
            "prepared_statement_cache_size": statement_cache,
            "server_settings": {
                "lock_timeout": LOCK_TIMEOUT,
                "timezone": "UTC",
                "jit": "off",
                # Many requests share the processors already; to start workers for one costs more than they save it.
                "max_parallel_workers_per_gather": "0",
                # Of pgvector, and of no meaning without it: an index goes on until enough of it is for the caller.
                "hnsw.iterative_scan": "relaxed_order",
            },
        }
        self.url = url
        # No overflow: connections that come and go with each peak cost more than the requests they serve. Twice as
        # many for writes, since `durable()` takes a second one. The last used first: its caches are warm.
        options: dict[str, Any] = {"max_overflow": 0, "pool_use_lifo": True, "connect_args": arguments}
        self.engine = create_async_engine(url, pool_size=2 * pool_size, **options)
        # Reads never open a transaction, so there is nothing to reset when their connection goes back.
        self._read_engine = create_async_engine(
            url,
            pool_size=pool_size,
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
            **options,
        )
        self._readers = ReadConnections(self._read_engine, pool_size)
        self._sessions = session_factory(self.engine, self)
        for engine in (self.engine, self._read_engine):
            event.listen(engine.sync_engine, "connect", teach_instants)
        event.listen(self.engine.sync_engine, "before_cursor_execute", _count)
        event.listen(self.engine.sync_engine, "checkout", _refuse_dead)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A transaction: commits when the block ends, rolls back when it raises."""
        async with self._sessions() as session:
            try:
                yield session
                await commit(session)
            except BaseException:
                await session.rollback()
                raise

    def durable(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A transaction of its own, for what must survive the refusal of the request it happens in."""
        return self.session()

    def reads(self) -> AbstractAsyncContextManager[ReadSession]:
        """A connection for compiled SELECTs, outside any transaction."""
        return self._readers.reading()

    async def dispose(self) -> None:
        await self.engine.dispose()
        self._readers.close()
        await self._read_engine.dispose()


def session_factory(bind: Any, database: Database, **options: Any) -> async_sessionmaker[WritingSession]:
    return async_sessionmaker(
        bind, class_=WritingSession, database=database, autoflush=False, expire_on_commit=False, **options
    )


async def commit(session: AsyncSession) -> None:
    await write_pending(session)
    await session.commit()
    forget_after_commit(session)
    wake_relay(session)


@asynccontextmanager
async def savepoint(session: AsyncSession) -> AsyncIterator[None]:
    """A part of the transaction that can fail by itself: what it wrote, recorded and kept goes, the rest stays.

    What was kept before is written first; entities that the failed part changed must not be used again.
    """
    await write_pending(session)
    before = {key: copy(kept) for key, kept in session.info.items()}
    try:
        async with session.begin_nested():
            # Only a connection that is asked for inside sends the SAVEPOINT, and compiled statements hold theirs.
            await session.connection()
            yield
            await write_pending(session)
    except BaseException:
        session.info.clear()
        session.info.update(before)
        forget_rows(session)
        raise


def _count(*_: Any) -> None:
    count_statement()


def _refuse_dead(connection: Any, *_: Any) -> None:
    """One that PostgreSQL has closed since is opened anew instead of failing whoever gets it."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


# Coroutines throughout: FastAPI runs a plain function in a thread, which costs more than a statement. And they take
# the request instead of each other, since every dependency of a dependency is solved anew.
async def database_of(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


DatabaseDep = Annotated[Database, Depends(database_of)]


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    database: Database = request.app.state.database
    async with database.session() as session:
        yield session


async def open_reads(request: Request) -> AsyncIterator[ReadSession]:
    database: Database = request.app.state.database
    async with database.reads() as reads:
        yield reads


# Function scope commits before the reply is sent: a commit that fails is an error answer, not a lost 201.
SessionDep = Annotated[AsyncSession, Depends(open_session, scope="function")]
ReadSessionDep = Annotated[ReadSession, Depends(open_reads, scope="function")]

__all__ = ["AsyncEngine", "Database", "DatabaseDep", "ReadSessionDep", "SessionDep"]
