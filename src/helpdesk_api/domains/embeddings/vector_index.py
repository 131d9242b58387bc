"""An index of nearness, where PostgreSQL has the extension pgvector: what is near is found without comparing it all.

Without it the same is found by comparing the codes of the newest, one by one. The index is made by `helpdesk embed`,
never by a migration or a job: it waits for all that is being written, and a server may not have the extension.
"""

import time
from typing import Final

import structlog
from sqlalchemy import Text, bindparam, column, func, select, table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.embeddings.models import Embedding

logger = structlog.get_logger(__name__)
_LOOK_AGAIN_SECONDS: Final = 300.0
_LOCK: Final = 4_207_021
_OFFERED: Final = text("SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')")
_TAKE: Final = text(f"SELECT pg_try_advisory_lock({_LOCK})")
_GIVE_BACK: Final = text(f"SELECT pg_advisory_unlock({_LOCK})")
_LENGTH: Final = select(func.length(Embedding.code)).where(Embedding.model == bindparam("model"))
_relations = table("pg_class", column("relname"), column("oid"), schema="pg_catalog")
_indexes = table("pg_index", column("indexrelid"), column("indisvalid"), schema="pg_catalog")
_VALID: Final = (
    select(_indexes.c.indisvalid)
    .select_from(_relations.join(_indexes, _indexes.c.indexrelid == _relations.c.oid))
    .where(_relations.c.relname == bindparam("name", type_=Text), func.pg_table_is_visible(_relations.c.oid))
)
_IS_VALID: Final = CompiledStatement(_VALID)


class _Known:
    """By the length of the codes, when somebody looked, and whether there was an index."""

    def __init__(self) -> None:
        self.lengths: dict[int, tuple[float, bool]] = {}


_known = _Known()


def name_of(length: int) -> str:
    return f"ix_embeddings_near_{length}"


async def is_indexed(reads: ReadSession, length: int) -> bool:
    """Whether codes of so many bits are; no statement as a rule."""
    looked_at, found = _known.lengths.get(length, (float("-inf"), False))
    now = time.monotonic()
    if now - looked_at >= _LOOK_AGAIN_SECONDS:
        found = bool(await reads.fetch_value(_IS_VALID, {"name": name_of(length)}))
        _known.lengths[length] = (now, found)
    return found


def forget_indexes() -> None:
    """They are looked up anew, as when the process starts."""
    _known.lengths.clear()


async def make_index(database: Database, model: str) -> bool:
    """Whether there is one now for the vectors of this model. Beside those who write; a half made one of a killed
    process is made anew."""
    async with database.engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        length = (await alone.execute(_LENGTH.limit(1), {"model": model})).scalar()
        if length is None or not (await alone.execute(_OFFERED)).scalar_one():
            return False
        if not (await alone.execute(_TAKE)).scalar_one():
            return False
        try:
            # It waits for whoever writes at the moment, however long.
            await alone.execute(text("SET lock_timeout = 0"))
            await _make(alone, int(length))
        except DBAPIError as error:
            logger.warning("vector_index_not_made", reason=str(error.orig))
            return False
        finally:
            await alone.execute(text("RESET lock_timeout"))
            await alone.execute(_GIVE_BACK)
    forget_indexes()
    return True


async def _make(connection: AsyncConnection, length: int) -> None:
    name = name_of(length)
    await connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    if (await connection.execute(_VALID, {"name": name})).scalar() is False:
        await connection.execute(text(f"DROP INDEX CONCURRENTLY {name}"))
    # Tickets alone: articles are some thousands, and compared faster than an index is read.
    await connection.execute(
        text(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON embeddings"
            f" USING hnsw ((code::bit({length})) bit_hamming_ops) WHERE kind = 'ticket'"
        )
    )
