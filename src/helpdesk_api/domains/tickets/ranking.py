"""Best matches first: how well the newest matches answer a text, the subject before the rest, comments last.

A common word has more matches than anybody can rank while somebody waits, so the newest 1,000 are. Which those are is
settled by the first page: its cursors carry the time of the newest, and what came later waits for the next search.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Double, Text, bindparam, cast, func, literal_column, select

from helpdesk_api.conditions.checking import Checked
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.tickets import policy, representation
from helpdesk_api.domains.tickets.errors import RelevanceNeedsText
from helpdesk_api.domains.tickets.filters import RELEVANCE, Forms, clauses
from helpdesk_api.domains.tickets.full_text import Sought, as_tsquery
from helpdesk_api.domains.tickets.models import SEARCH, Ticket
from helpdesk_api.domains.tickets.words import CONFIGURATION
from helpdesk_api.web.listing import CutShape, SortKey, cut_statement

CANDIDATES: Final = 1_000
# Divides by the length of what was found in: a word in three says more than one in a thousand.
BY_LENGTH: Final[ColumnElement[int]] = literal_column("1")
_SUBJECT: Final[ColumnElement[float]] = literal_column("8.0")
_WHOLE: Final[ColumnElement[float]] = literal_column("2.0")
Rank = Callable[[policy.CallerShape, ColumnElement[Any]], ColumnElement[Any]]
_ranks: list[Rank] = []


def register_ranks(ranks: Sequence[Rank]) -> None:
    """Called once by the process with `wiring.SEARCH_RANKS`: how well what lies on a ticket answers a tsquery, as a
    subquery that looks at one ticket, and at what of it the caller may read."""
    _ranks[:] = ranks


def _keys(page: Any) -> tuple[SortKey, ...]:
    return (
        SortKey("as_of", page.c.as_of, datetime, descending=True),
        SortKey(RELEVANCE, page.c.relevance, float, descending=True),
        SortKey("id", page.c.id, UUID, descending=True),
    )


def best_first(shape: policy.CallerShape, forms: Forms, asked: Checked | None, cut: CutShape) -> AnySelect:
    """One page; `wanted` is bound to the tsquery to rank by."""
    is_first = cut.seeks_null is None
    as_of: ColumnElement[Any] = bindparam("seek_0", type_=DateTime(timezone=True))
    found = select(Ticket.id, Ticket.created_at).where(policy.readable(shape), *clauses(shape, forms, asked))
    if not is_first:
        found = found.where(Ticket.created_at <= as_of)
    newest = (
        found.order_by(Ticket.created_at.desc(), Ticket.id.desc()).limit(literal_column(str(CANDIDATES))).cte("newest")
    )
    first: ColumnElement[Any] = select(func.max(newest.c.created_at)).scalar_subquery()
    ranked = (
        select(Ticket.id, (first if is_first else as_of).label("as_of"), _relevance(shape).label("relevance"))
        .join(newest, newest.c.id == Ticket.id)
        .subquery("ranked")
    )
    page = cut_statement(select(ranked.c.id), _keys(ranked), cut).subquery("page")
    order = [page.c[f"_key_{n}"] for n in range(3)]
    shown = representation.select_tickets(shape).join(page, page.c.id == Ticket.id)
    return shown.add_columns(*order).order_by(*[key.asc() if cut.backwards else key.desc() for key in order])


def _relevance(shape: policy.CallerShape) -> ColumnElement[float]:
    asked = as_tsquery(bindparam("wanted", type_=Text))
    subject = func.to_tsvector(CONFIGURATION, Ticket.subject)
    relevance = _SUBJECT * func.ts_rank_cd(subject, asked, BY_LENGTH)
    relevance += _WHOLE * func.ts_rank_cd(SEARCH, asked, BY_LENGTH)
    for rank in _ranks:
        relevance += func.coalesce(rank(shape, asked), literal_column("0.0"))
    # PostgreSQL ranks in single precision, which JSON would not give back as it was.
    return cast(relevance, Double)


# For the cursor alone, which knows no columns.
CURSOR_KEYS: Final = tuple(
    SortKey(name, None, kind, descending=True) for name, kind in (("as_of", datetime), (RELEVANCE, float), ("id", UUID))
)


def wanted(sought: Sequence[Sought]) -> str:
    """The tsquery to rank by, and to mark: whatever any of the texts looks for. Empty without a text."""
    return " | ".join(text.wanted for text in sought if text.wanted)


def require_text(wanted: str) -> None:
    """Raises `relevance_needs_text`."""
    if not wanted:
        raise RelevanceNeedsText(parameter="sort")
