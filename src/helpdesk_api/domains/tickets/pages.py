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
    TIE_BREAK,
    Forms,
    Lead,
    clauses,
    leading_text,
)
from helpdesk_api.domains.tickets.full_text import Sought, matches_in_order
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.ranking import Order, bounded_keys, newest_in_order, order_keys
from helpdesk_api.domains.tickets.weeks import MATCHES_PER_ROW, WIDENING, weeks_of
from helpdesk_api.web.listing import CutShape, PageCut, SortKey, cut_statement


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list is narrowed by: filters by their forms, a question as it was understood, and the text of `q`; and
    all values."""

    forms: Forms
    checked: Checked | None
    sought: Sought | None
    values: Mapping[str, Any]


@lru_cache(maxsize=200)
def order_of(order: Order) -> tuple[SortKey, ...]:
    return bounded_keys(order) if order.is_bounded else order_keys(order)


async def page_rows(
    reads: ReadSession, shape: policy.CallerShape, asked: Asked, order: Order, cut: PageCut
) -> list[Any]:
    """One row more than the page has, where there is one. One statement; and up to two more for a word of so many
    matches that they are looked for in some weeks first, where these do not fill the page."""
    values, limit = {**asked.values, **cut.parameters}, cut.page.limit
    lead = _lead(shape, order, asked.forms, asked.checked)
    text = asked.sought if lead is None or lead.sought is None else lead.sought
    if lead is not None and text is not None:
        start, descending = cut.values[0] if cut.values else None, _runs_down(order, cut.shape)
        read = _led_read(shape, lead, order, cut.shape, by_week=True)
        matches: float = MATCHES_PER_ROW * (limit + 1)
        for _ in range(2):
            weeks = await weeks_of(
                reads, matches=matches, seen_count=text.seen_count, start=start, descending=descending
            )
            if not weeks:
                break
            found = await reads.fetch(read, {**values, "weeks": weeks})
            if len(found) > limit:
                return found
            matches *= WIDENING * (limit + 1) / max(len(found), 1)
    return await reads.fetch(_page_read(shape, asked.forms, asked.checked, order, cut.shape), values)


@lru_cache(maxsize=1_000)
def _page_read(
    shape: policy.CallerShape, forms: Forms, asked: Checked | None, order: Order, cut: CutShape
) -> CompiledStatement:
    if order.is_bounded:
        return CompiledStatement(newest_in_order(shape, forms, asked, order, cut))
    lead = _lead(shape, order, forms, asked)
    if lead is not None:
        return _led_read(shape, lead, order, cut, by_week=False)
    statement = representation.select_tickets(shape).where(*clauses(shape, forms, asked))
    return CompiledStatement(cut_statement(statement, order_of(order), cut))


def _lead(shape: policy.CallerShape, order: Order, forms: Forms, asked: Checked | None) -> Lead | None:
    is_by_time = [key.name for key in order_of(order)] == [CREATED_AT, TIE_BREAK.name]
    return leading_text(shape, forms, asked) if is_by_time else None


def _runs_down(order: Order, cut: CutShape) -> bool:
    return order_of(order)[0].descending != cut.backwards


@lru_cache(maxsize=1_000)
def _led_read(
    shape: policy.CallerShape, lead: Lead, order: Order, cut: CutShape, *, by_week: bool
) -> CompiledStatement:
    """Along what a word finds that few have."""
    found, sight = matches_in_order(shape, lead.tsquery, descending=_runs_down(order, cut), by_week=by_week)
    statement = representation.select_tickets(shape).join(found, found.c.ticket_id == Ticket.id)
    statement = statement.where(sight, *clauses(shape, lead.other_forms, lead.other_asked))
    of_found = {CREATED_AT: found.c.created_at, TIE_BREAK.name: found.c.ticket_id}
    keys = [replace(key, column=of_found[key.name]) for key in order_of(order)]
    return CompiledStatement(cut_statement(statement, keys, cut))
