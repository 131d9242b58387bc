"""Pages of the list of tickets: in which order, and by which statement."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from helpdesk_api.conditions.checking import Checked
from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.tickets import policy, representation
from helpdesk_api.domains.tickets.filters import (
    CREATED_AT,
    DEFAULT_SORT,
    SORTS,
    TIE_BREAK,
    Forms,
    Lead,
    clauses,
    leading_text,
)
from helpdesk_api.domains.tickets.full_text import Sought, matches_in_order
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.ranking import bounded_keys, is_bounded, newest_in_order
from helpdesk_api.domains.tickets.weeks import weeks_to_try
from helpdesk_api.web.listing import CutShape, PageCut, SortKey, cut_statement, parse_sort


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list is narrowed by: filters by their forms, a question as it was understood, and the text of `q`; and
    all values."""

    forms: Forms
    checked: Checked | None
    sought: Sought | None
    values: Mapping[str, Any]


@lru_cache(maxsize=200)
def order_of(sort: str | None) -> tuple[SortKey, ...]:
    """The tie-break follows the last key's direction, so that one index serves both."""
    if sort is not None and is_bounded(sort):
        return bounded_keys(sort)
    keys = parse_sort(sort, SORTS, DEFAULT_SORT)
    return (*keys, SortKey(TIE_BREAK.name, TIE_BREAK.column, TIE_BREAK.kind, keys[-1].descending))


async def page_rows(
    reads: ReadSession, shape: policy.CallerShape, asked: Asked, sort: str | None, cut: PageCut
) -> list[Any]:
    """One row more than the page has, where there is one. One statement; and up to two more for a word of so many
    matches that they are looked for in some weeks first, where these do not fill the page."""
    values, limit = {**asked.values, **cut.parameters}, cut.page.limit
    lead = _lead(sort, asked.forms, asked.checked)
    text = asked.sought if lead is None or lead.sought is None else lead.sought
    if lead is not None and text is not None:
        start, descending = cut.values[0] if cut.values else None, _runs_down(sort, cut.shape)
        for weeks in await weeks_to_try(
            reads, rows=limit + 1, seen_count=text.seen_count, start=start, descending=descending
        ):
            read = _led_read(shape, lead, sort, cut.shape, by_week=True)
            found = await reads.fetch(read, {**values, "weeks": weeks})
            if len(found) > limit:
                return found
    return await reads.fetch(_page_read(shape, asked.forms, asked.checked, sort, cut.shape), values)


@lru_cache(maxsize=1_000)
def _page_read(
    shape: policy.CallerShape, forms: Forms, asked: Checked | None, sort: str | None, cut: CutShape
) -> CompiledStatement:
    if sort is not None and is_bounded(sort):
        return CompiledStatement(newest_in_order(shape, forms, asked, sort, cut))
    lead = _lead(sort, forms, asked)
    if lead is not None:
        return _led_read(shape, lead, sort, cut, by_week=False)
    statement = representation.select_tickets(shape).where(*clauses(shape, forms, asked))
    return CompiledStatement(cut_statement(statement, order_of(sort), cut))


def _lead(sort: str | None, forms: Forms, asked: Checked | None) -> Lead | None:
    is_by_time = [key.name for key in order_of(sort)] == [CREATED_AT, TIE_BREAK.name]
    return leading_text(forms, asked) if is_by_time else None


def _runs_down(sort: str | None, cut: CutShape) -> bool:
    return order_of(sort)[0].descending != cut.backwards


@lru_cache(maxsize=1_000)
def _led_read(
    shape: policy.CallerShape, lead: Lead, sort: str | None, cut: CutShape, *, by_week: bool
) -> CompiledStatement:
    """Along what a word finds that few have."""
    found, sight = matches_in_order(shape, lead.tsquery, descending=_runs_down(sort, cut), by_week=by_week)
    statement = representation.select_tickets(shape).join(found, found.c.ticket_id == Ticket.id)
    statement = statement.where(sight, *clauses(shape, lead.other_forms, lead.other_asked))
    of_found = {CREATED_AT: found.c.created_at, TIE_BREAK.name: found.c.ticket_id}
    keys = [replace(key, column=of_found[key.name]) for key in order_of(sort)]
    return CompiledStatement(cut_statement(statement, keys, cut))
