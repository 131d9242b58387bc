"""Orders that no index has: by relevance to a text, and by a custom field.

A common word has more matches than anybody can rank while somebody waits, and a custom field may be any of hundreds. So
the newest matches alone are put in order, and which those are is settled by the first page: its cursors carry the time
of the newest, and what came later waits for the next search.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Double,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from helpdesk_api.conditions.checking import Checked
from helpdesk_api.conditions.registry import CUSTOM_PREFIX
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.tickets import policy, representation
from helpdesk_api.domains.tickets.errors import RelevanceNeedsText
from helpdesk_api.domains.tickets.filters import RELEVANCE, Forms, clauses
from helpdesk_api.domains.tickets.full_text import Sought, as_tsquery
from helpdesk_api.domains.tickets.models import SEARCH, Ticket
from helpdesk_api.domains.tickets.words import CONFIGURATION
from helpdesk_api.web.listing import CutShape, SortKey, cut_statement

CANDIDATES: Final = 1_000
SORTED: Final = 10_000
# As much as a cursor can carry.
_TEXT_LENGTH: Final = 60
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


def is_bounded(sort: str | None) -> bool:
    """Whether an order is of the newest matches only."""
    return sort is not None and (sort == RELEVANCE or sort.removeprefix("-").startswith(CUSTOM_PREFIX))


@lru_cache(maxsize=200)
def bounded_keys(sort: str) -> tuple[SortKey, ...]:
    """For the cursor, which knows no columns."""
    as_of = SortKey("as_of", None, datetime, descending=True)
    if sort == RELEVANCE:
        return as_of, SortKey(RELEVANCE, None, float, descending=True), SortKey("id", None, UUID, descending=True)
    down = sort.startswith("-")
    number = SortKey("number", None, float, descending=down, nullable=True)
    text = SortKey("text", None, str, descending=down, nullable=True)
    return as_of, number, text, SortKey("id", None, UUID, descending=down)


def newest_in_order(
    shape: policy.CallerShape, forms: Forms, asked: Checked | None, sort: str, cut: CutShape
) -> AnySelect:
    """One page; for relevance `wanted` is bound to the tsquery to rank by."""
    is_first = cut.seeks_null is None
    as_of: ColumnElement[Any] = bindparam("seek_0", type_=DateTime(timezone=True))
    found = select(Ticket.id, Ticket.created_at).where(policy.readable(shape), *clauses(shape, forms, asked))
    if not is_first:
        found = found.where(Ticket.created_at <= as_of)
    most: ColumnElement[int] = literal_column(str(CANDIDATES if sort == RELEVANCE else SORTED))
    newest = found.order_by(Ticket.created_at.desc(), Ticket.id.desc()).limit(most).cte("newest")
    first: ColumnElement[Any] = select(func.max(newest.c.created_at)).scalar_subquery()
    values = [_relevance(shape).label(RELEVANCE)] if sort == RELEVANCE else _custom_values(shape, sort)
    ordered = (
        select(Ticket.id, (first if is_first else as_of).label("as_of"), *values)
        .join(newest, newest.c.id == Ticket.id)
        .subquery("ordered")
    )
    keys = [replace(key, column=ordered.c[key.name]) for key in bounded_keys(sort)]
    page = cut_statement(select(ordered.c.id), keys, cut).subquery("page")
    shown = representation.select_tickets(shape).join(page, page.c.id == Ticket.id)
    columns = [page.c[f"_key_{n}"] for n in range(len(keys))]
    order = []
    for key, column in zip(keys, columns, strict=True):
        term = column.desc() if key.descending != cut.backwards else column.asc()
        order.append(term.nulls_first() if cut.backwards else term.nulls_last())
    return shown.add_columns(*columns).order_by(*order)


def _custom_values(shape: policy.CallerShape, sort: str) -> list[ColumnElement[Any]]:
    """A number, or else a text; null for what is not filled in, or not for the caller's eyes."""
    own: Any = Ticket.custom_fields
    everything = own.op("||")(Ticket.internal_custom_fields)
    seen = case((policy.sees_internal(shape), everything), else_=own) if shape.is_staff else own
    key = literal(sort.removeprefix("-").removeprefix(CUSTOM_PREFIX), Text)
    value = seen.op("->", return_type=JSONB())(key)
    is_number = func.jsonb_typeof(value) == literal_column("'number'")
    text = func.left(func.lower(seen.op("->>", return_type=Text())(key)), literal_column(str(_TEXT_LENGTH)))
    return [
        case((is_number, cast(value, Double)), else_=null()).label("number"),
        case((is_number, null()), else_=text.collate("C")).label("text"),
    ]


def _relevance(shape: policy.CallerShape) -> ColumnElement[float]:
    asked = as_tsquery(bindparam("wanted", type_=Text))
    subject = func.to_tsvector(CONFIGURATION, Ticket.subject)
    relevance = _SUBJECT * func.ts_rank_cd(subject, asked, BY_LENGTH)
    relevance += _WHOLE * func.ts_rank_cd(SEARCH, asked, BY_LENGTH)
    for rank in _ranks:
        relevance += func.coalesce(rank(shape, asked), literal_column("0.0"))
    # PostgreSQL ranks in single precision, which JSON would not give back as it was.
    return cast(relevance, Double)


def wanted(sought: Sequence[Sought]) -> str:
    """The tsquery to rank by, and to mark: whatever any of the texts looks for. Empty without a text."""
    return " | ".join(text.wanted for text in sought if text.wanted)


def require_text(wanted: str) -> None:
    """Raises `relevance_needs_text`."""
    if not wanted:
        raise RelevanceNeedsText(parameter="sort")
