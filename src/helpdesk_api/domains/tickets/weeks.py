"""The weeks in which a search looks first: from where the page begins, so many as probably hold what fills it.

An index has all matches of a word, and of one that ten thousand texts have a page needs a hundredth. What tells how
many matches lie in a stretch of time is the word's count, and PostgreSQL's statistics of when tickets were made.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

from sqlalchemy import ColumnElement, SQLColumnExpression, bindparam, column, func, literal_column, select, table

from helpdesk_api.database import clock
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.database.statistics import Statistic
from helpdesk_api.database.text_search import UNKNOWN_WEEK, WEEKS, entries_of, week_number, week_of

# So many matches for each row of the page: what the caller may not read is among them, and some lie on the same ticket.
MATCHES_PER_ROW: Final = 10
# Where these do not fill it, what was found of them says how many do, about; and so many times more are looked in.
WIDENING: Final = 2
# Beyond this share of all that there is all matches at once are as cheap, as they are beyond so many weeks.
_MAX_SHARE: Final = 0.3
MAX_WEEKS: Final = 400
_AHEAD: Final = timedelta(hours=1)
_WEEKS: Final = bindparam("weeks", type_=WEEKS)


def is_within(instant: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """Whether its week is one of the bound `weeks`, or unknown."""
    return week_of(instant).bool_op("&&")(_WEEKS)


async def weeks_of(
    reads: ReadSession, *, matches: float, seen_count: int, start: datetime | None, descending: bool
) -> Sequence[int]:
    """Those that probably hold so many matches of a text that so many texts have, as `is_within` asks for them. `start`
    is None for the first page. None at all where all matches are better looked for at once. No statement as a rule."""
    if matches > seen_count * _MAX_SHARE:
        return ()
    bounds = await _times.refresh(reads)
    weeks = choose_weeks(bounds, matches / seen_count, start, descending=descending)
    return [UNKNOWN_WEEK, *entries_of(weeks)] if weeks else ()


def choose_weeks(bounds: Sequence[datetime], share: float, start: datetime | None, *, descending: bool) -> range:
    """Which hold this share of all tickets, from `start` on, the way the page runs; none where that is too far.
    `bounds` cut the tickets into equally many, by when they were made."""
    if start is None:
        if not descending or not bounds:
            # Statistics do not know the very first.
            return range(0)
        # Another process's clock may be in the next week already.
        start = max(bounds[-1], clock.now()) + _AHEAD
    steps = ceil(share * (len(bounds) - 1))
    place = min(bisect_left(bounds, start), len(bounds) - 1) + (-steps if descending else steps)
    if not 0 < place < len(bounds) - 1:
        return range(0)
    first, last = sorted((week_number(bounds[place]), week_number(start)))
    return range(first, last + 1) if last - first < MAX_WEEKS else range(0)


_stats = table("pg_stats", *map(column, ("schemaname", "tablename", "attname")), schema="pg_catalog")
_STATISTICS: Final = CompiledStatement(
    select(literal_column("histogram_bounds::text::timestamptz[]").label("bounds"))
    .select_from(_stats)
    .where(
        _stats.c.schemaname == func.current_schema(),
        _stats.c.tablename == literal_column("'tickets'"),
        _stats.c.attname == literal_column("'created_at'"),
    )
)


async def _read_times(reads: ReadSession) -> Sequence[datetime]:
    return await reads.fetch_value(_STATISTICS, {}) or ()


# When tickets were made, as PostgreSQL's own statistics have it; empty where it has none yet.
_times: Final[Statistic[Sequence[datetime]]] = Statistic(_read_times, ())
