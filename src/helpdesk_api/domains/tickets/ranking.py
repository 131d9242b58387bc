"""Orders that no index has: by relevance to a text, by a custom field, and in groups.

A common word has more matches than anybody can rank while somebody waits, a custom field may be any of hundreds, and
each grouping goes with each order. So the newest matches alone are put in order, and which those are is settled by the
first page: its cursors carry the time of the newest, and what came later waits for the next search.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

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
from helpdesk_api.database.text_search import parsed
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.tickets import policy, representation
from helpdesk_api.domains.tickets.errors import RelevanceNeedsText
from helpdesk_api.domains.tickets.filters import DEFAULT_SORT, RELEVANCE, SORTS, STAFF_SORTS, TIE_BREAK, Forms, clauses
from helpdesk_api.domains.tickets.full_text import Sought, as_tsquery
from helpdesk_api.domains.tickets.grouping import group_columns, group_keys, with_names
from helpdesk_api.domains.tickets.models import SEARCH, Ticket
from helpdesk_api.domains.tickets.words import CONFIGURATION
from helpdesk_api.web.listing import CutShape, SortKey, cut_statement, parse_sort

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


@dataclass(frozen=True, slots=True)
class Order:
    """Of a list: by what its rows are grouped, if at all, and the `sort` within, of what staff or others see."""

    sort: str | None = None
    group_by: str | None = None
    is_for_staff: bool = False

    @property
    def is_bounded(self) -> bool:
        """Whether it is of the newest matches only."""
        return self.group_by is not None or self.sort == RELEVANCE or self.custom_key is not None

    @property
    def custom_key(self) -> str | None:
        """Of the custom field that it goes by."""
        name = (self.sort or "").removeprefix("-")
        return name.removeprefix(CUSTOM_PREFIX) if name.startswith(CUSTOM_PREFIX) else None


def order_keys(order: Order) -> tuple[SortKey, ...]:
    """The tie-break follows the last key's direction, so that one index serves both."""
    if order.sort == RELEVANCE:
        return SortKey(RELEVANCE, None, float, descending=True), replace(TIE_BREAK, descending=True)
    if order.custom_key is not None:
        down = (order.sort or "").startswith("-")
        number = SortKey("number", None, float, descending=down, nullable=True)
        text = SortKey("text", None, str, descending=down, nullable=True)
        return number, text, replace(TIE_BREAK, descending=down)
    keys = parse_sort(order.sort, STAFF_SORTS if order.is_for_staff else SORTS, DEFAULT_SORT)
    return *keys, replace(TIE_BREAK, descending=keys[-1].descending)


@lru_cache(maxsize=200)
def bounded_keys(order: Order) -> tuple[SortKey, ...]:
    """For the cursor, which knows no columns."""
    as_of = SortKey("as_of", None, datetime, descending=True)
    return as_of, *group_keys(order.group_by), *order_keys(order)


def newest_in_order(
    shape: policy.CallerShape, forms: Forms, asked: Checked | None, order: Order, cut: CutShape
) -> AnySelect:
    """One page, and of each row whether there are more matches than were put in order, as `is_cut`; for relevance
    `wanted` is bound to the tsquery to rank by."""
    is_first = cut.seeks_null is None
    as_of: ColumnElement[Any] = bindparam("seek_0", type_=DateTime(timezone=True))
    # What the order goes by is read with the row, which is not looked up for it again.
    columns = {column.name: column for column in [*_values(shape, order), *group_columns(order.group_by)]}
    columns |= {"id": Ticket.id.expression, "created_at": Ticket.created_at.expression}
    found = select(*columns.values()).where(policy.readable(shape), *clauses(shape, forms, asked))
    if not is_first:
        found = found.where(Ticket.created_at <= as_of)
    most = CANDIDATES if order.sort == RELEVANCE else SORTED
    tried = _newest(found, Ticket, most + 1).cte("tried")
    newest = _newest(select(tried), tried.c, most).cte("newest")
    first: ColumnElement[Any] = select(func.max(newest.c.created_at)).scalar_subquery()
    each = with_names(select(newest, (first if is_first else as_of).label("as_of")), newest, order.group_by)
    if order.sort == RELEVANCE:
        # Each costs as much as its texts are long.
        each = each.add_columns(_relevance(shape).label(RELEVANCE)).join(Ticket, Ticket.id == newest.c.id)
    ordered = each.subquery("ordered")
    keys = [replace(key, column=ordered.c[key.name]) for key in bounded_keys(order)]
    page = cut_statement(select(ordered.c.id), keys, cut).subquery("page")
    is_cut = select(func.count() > literal_column(str(most))).select_from(tried).scalar_subquery()
    shown = representation.select_tickets(shape).join(page, page.c.id == Ticket.id)
    places = [page.c[f"_key_{n}"] for n in range(len(keys))]
    terms = []
    for key, column in zip(keys, places, strict=True):
        term = column.desc() if key.descending != cut.backwards else column.asc()
        terms.append(term.nulls_first() if cut.backwards else term.nulls_last())
    return shown.add_columns(is_cut.label("is_cut"), *places).order_by(*terms)


def _newest(found: Any, columns: Any, most: int) -> Any:
    limit: ColumnElement[int] = literal_column(str(most))
    return found.order_by(columns.created_at.desc(), columns.id.desc()).limit(limit)


def _values(shape: policy.CallerShape, order: Order) -> list[ColumnElement[Any]]:
    if order.sort == RELEVANCE:
        return []
    if order.custom_key is not None:
        return _custom_values(shape, order.custom_key)
    return [key.column.label(key.name) for key in order_keys(order)[:-1]]


def _custom_values(shape: policy.CallerShape, name: str) -> list[ColumnElement[Any]]:
    """A number, or else a text; null for what is not filled in, or not for the caller's eyes."""
    own: Any = Ticket.custom_fields
    everything = own.op("||")(Ticket.internal_custom_fields)
    seen = case((policy.sees_internal(shape), everything), else_=own) if shape.is_staff else own
    key = literal(name, Text)
    value = seen.op("->", return_type=JSONB())(key)
    is_number = func.jsonb_typeof(value) == literal_column("'number'")
    text = func.left(func.lower(seen.op("->>", return_type=Text())(key)), literal_column(str(_TEXT_LENGTH)))
    return [
        case((is_number, cast(value, Double)), else_=null()).label("number"),
        case((is_number, null()), else_=text.collate("C")).label("text"),
    ]


def _relevance(shape: policy.CallerShape) -> ColumnElement[float]:
    asked = as_tsquery(bindparam("wanted", type_=Text))
    subject = func.to_tsvector(CONFIGURATION, parsed(Ticket.subject))
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
