"""Counts of reading, gathered in the process and written in batches: a GET writes nothing and waits for nobody.

A process that is killed loses what it counted in the last few seconds; one that stops writes it first.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.knowledge.models import ArticleStatistics, SearchMiss
from helpdesk_api.domains.users.naming import names_somebody
from helpdesk_api.web.head_requests import is_read

logger = structlog.get_logger(__name__)
FLUSH_SECONDS: Final = 5.0
MAX_MISSES: Final = 10_000
# Anybody may search what is public: what was asked least, and longest ago, makes room.
MAX_KEPT: Final = 50_000
# What looks like a person's, or like a secret: addresses, numbers of more than three digits, long mixtures of both.
_PERSONAL: Final = re.compile(r"\S*@\S*|\S*\d{4,}\S*|\S{41,}")
_views: Counter[UUID] = Counter()
_misses: Counter[str] = Counter()


def count_view(article_id: UUID) -> None:
    if is_read():
        _views[article_id] += 1


async def count_miss(reads: ReadSession, text: str) -> None:
    """The words alone, in lower case and in the order of the alphabet, so that equal questions are one. Who looked for
    a person is none of the authors' business, whether or not the person could be found."""
    said = _PERSONAL.sub(" ", text)
    words = sorted(set(said.lower().split()))
    if words and is_read() and len(_misses) < MAX_MISSES and not await names_somebody(reads, said):
        _misses[" ".join(words)[:400]] += 1


async def flush(database: Database) -> None:
    """Writes what was counted so far; what cannot be written is kept for the next time."""
    views, misses = dict(_views), dict(_misses)
    if not views and not misses:
        return
    _views.clear()
    _misses.clear()
    try:
        await _write(database, views, misses)
    except BaseException:
        _views.update(views)
        _misses.update(misses)
        raise


async def _write(database: Database, views: dict[UUID, int], misses: dict[str, int]) -> None:
    async with database.session() as session:
        if views:
            # In one order, so that two processes never wait for each other in a circle.
            of_them = ArticleStatistics.article_id.in_(views)
            await session.execute(
                select(ArticleStatistics.article_id)
                .where(of_them)
                .order_by(ArticleStatistics.article_id)
                .with_for_update()
            )
            counted = update(ArticleStatistics.__table__).where(  # type: ignore[arg-type]
                ArticleStatistics.article_id == bindparam("article")
            )
            connection = await session.connection()
            await connection.execute(
                counted.values(view_count=ArticleStatistics.view_count + bindparam("views")),
                [{"article": article_id, "views": count} for article_id, count in sorted(views.items())],
            )
        if misses:
            await _write_misses(session, misses)


async def _write_misses(session: AsyncSession, misses: dict[str, int]) -> None:
    now = clock.now()
    rows = [{"words": words, "miss_count": count, "last_missed_at": now} for words, count in sorted(misses.items())]
    missed = insert(SearchMiss).values(rows)
    await session.execute(
        missed.on_conflict_do_update(
            index_elements=[SearchMiss.words],
            set_={
                "miss_count": SearchMiss.miss_count + missed.excluded.miss_count,
                "last_missed_at": missed.excluded.last_missed_at,
            },
        )
    )
    excess = (await session.execute(select(func.count()).select_from(SearchMiss))).scalar_one() - MAX_KEPT
    if excess > 0:
        least = select(SearchMiss.words).order_by(SearchMiss.miss_count, SearchMiss.last_missed_at).limit(excess)
        # Nobody waits here for another process, which may wait for this one.
        gone = delete(SearchMiss).where(SearchMiss.words.in_(least.with_for_update(skip_locked=True)))
        await session.execute(gone.execution_options(synchronize_session=False))


@asynccontextmanager
async def counting(database: Database) -> AsyncIterator[None]:
    """While an API process serves: writes every few seconds, and once more when it stops."""
    stop = asyncio.Event()
    task = asyncio.create_task(_flush_until(stop, database))
    try:
        yield
    finally:
        stop.set()
        await task


async def _flush_until(stop: asyncio.Event, database: Database) -> None:
    stopped = False
    while not stopped:
        try:
            await asyncio.wait_for(stop.wait(), FLUSH_SECONDS)
            stopped = True
        except TimeoutError:
            pass
        try:
            await flush(database)
        except Exception:
            logger.exception("counts_not_written")
