"""Full text over a ticket and what lies on it, in one of two forms: by the index, or along the list's own order.

An index finds all matches before the first is shown, which is fast for a word that few have. A word that every
hundredth has is met soon enough on the way through the list.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, column, func, literal_column, or_, select, table, union

from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import SEARCH, Ticket

Source = Callable[[policy.CallerShape, ColumnElement[Any]], Select[Any]]
_COMMON_SHARE: Final = 0.01
_FRESH_SECONDS: Final = 600.0
_WORD: Final = re.compile(r"(?<![-\w])\w+")
_sources: list[Source] = []


def register_sources(sources: Sequence[Source]) -> None:
    """Called once by the process with `wiring.SEARCH_SOURCES`: the tickets whose comments, say, match a tsquery, as
    far as the caller may read them. Where it has to look at the ticket itself, it says so in its WHERE alone."""
    _sources[:] = sources


def tsquery(text: ColumnElement[str]) -> ColumnElement[Any]:
    """Words, "phrases", `or` and `-`, as PostgreSQL's websearch form reads them; any text is one."""
    return func.websearch_to_tsquery(literal_column("'simple'::regconfig"), text)


def matches(shape: policy.CallerShape, text: ColumnElement[str], *, is_common: bool) -> ColumnElement[bool]:
    """For a statement over `tickets`; both forms find the same."""
    asked = tsquery(text)
    own: ColumnElement[bool] = SEARCH.op("@@")(asked)
    found = [source(shape, asked) for source in _sources]
    if is_common:
        return or_(own, *[_on_this_ticket(one) for one in found])
    return Ticket.id.in_(union(*[one.correlate(None) for one in (select(Ticket.id).where(own), *found)]))


def _on_this_ticket(found: Select[Any]) -> ColumnElement[bool]:
    (ticket_id,) = found.selected_columns
    return found.where(ticket_id == Ticket.id).correlate(Ticket).exists()


class _Frequencies:
    """In what share of the texts a word stands, as PostgreSQL's own statistics have it."""

    def __init__(self) -> None:
        self.shares: Mapping[str, float] = {}
        self._read_at = float("-inf")

    async def refresh(self, reads: ReadSession) -> None:
        now = time.monotonic()
        if now - self._read_at < _FRESH_SECONDS:
            return
        self._read_at = now
        self.shares = {row["word"]: row["share"] for row in await reads.fetch(_STATISTICS)}


_stats = table("pg_stats", column("schemaname"), column("attname"), schema="pg_catalog")
_elements = (
    func.unnest(literal_column("most_common_elems::text::text[]"), literal_column("most_common_elem_freqs"))
    .table_valued("word", "share")
    .render_derived()
)
_STATISTICS: Final = CompiledStatement(
    select(_elements.c.word, func.max(_elements.c.share).label("share"))
    .select_from(_stats.join(_elements, literal_column("true")))
    .where(_stats.c.schemaname == func.current_schema(), _stats.c.attname == literal_column("'search'"))
    .group_by(_elements.c.word)
)
_frequencies = _Frequencies()


async def know_frequencies(reads: ReadSession) -> None:
    """Before a text is judged; one statement in ten minutes."""
    await _frequencies.refresh(reads)


def is_common(text: str) -> bool:
    """Whether about one text in a hundred or more has it; a guess that decides on the form alone."""
    lowered = text.lower()
    shares = [_frequencies.shares.get(word, 0.0) for word in _WORD.findall(lowered) if word != "or"]
    if not shares:
        return True
    if " or " in lowered:
        return max(shares) >= _COMMON_SHARE
    product = 1.0
    for share in shares:
        product *= share
    return product >= _COMMON_SHARE
