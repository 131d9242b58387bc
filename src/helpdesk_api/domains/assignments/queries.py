"""Reads of routing: rules from the cache or the table, steps from the event log."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import BigInteger, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.conditions.checking import InvalidConditions, check
from helpdesk_api.conditions.predicate import compile_predicate
from helpdesk_api.conditions.tree import read_tree
from helpdesk_api.database.cache import InvalidatedCache
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.assignments.decisions import Rule
from helpdesk_api.domains.assignments.errors import RoutingRuleNotFound
from helpdesk_api.domains.assignments.models import RoutingRule
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.domains.tickets.condition_fields import TICKET
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.models import EventRow
from helpdesk_api.web.listing import PageRequest, SortKey, paged

logger = structlog.get_logger(__name__)
RULES = "routing_rules"
RULE_COLUMNS = (
    RoutingRule.id,
    RoutingRule.name,
    RoutingRule.position,
    RoutingRule.conditions,
    RoutingRule.category_id,
    RoutingRule.team_id,
    RoutingRule.priority,
    RoutingRule.add_tags,
    RoutingRule.stops,
    RoutingRule.is_active,
    RoutingRule.created_at,
    RoutingRule.updated_at,
    RoutingRule.version,
)


async def _load_rules(reads: ReadSession, key: str) -> tuple[Rule, ...]:
    del key
    statement = select(*RULE_COLUMNS).where(RoutingRule.is_active).order_by(RoutingRule.position, RoutingRule.id)
    return tuple(rule for row in await reads.fetch(statement) if (rule := _compiled(row)) is not None)


def _compiled(row: Mapping[str, Any]) -> Rule | None:
    try:
        matches = compile_predicate(check(read_tree(row["conditions"]), TICKET))
    except (ValueError, InvalidConditions) as error:
        # A field that a later release dropped must not stop tickets from being opened.
        logger.warning("routing_rule_unreadable", rule_id=str(row["id"]), error=str(error))
        return None
    return Rule(
        id=row["id"],
        name=row["name"],
        matches=matches,
        category_id=row["category_id"],
        team_id=row["team_id"],
        priority=Priority(row["priority"]) if row["priority"] else None,
        add_tags=tuple(row["add_tags"]),
        stops=row["stops"],
    )


_rules: InvalidatedCache[tuple[Rule, ...]] = InvalidatedCache(RULES, _load_rules)


async def rules_within(session: AsyncSession) -> Sequence[Rule]:
    """The active rules in their order, compiled."""
    return await _rules.get_within(session)


async def list_rules(reads: ReadSession, page: PageRequest) -> tuple[list[Any], str | None, str | None, int | None]:
    """A page in the order in which they are tried, inactive ones included."""
    total = None
    if page.include_total:
        total = await reads.fetch_value(select(func.count()).select_from(RoutingRule))
    keys = (SortKey("position", RoutingRule.position, int), SortKey("id", RoutingRule.id, UUID))
    cut = paged(select(*RULE_COLUMNS), keys, page)
    rows, next_cursor, prev_cursor = cut.finish(await reads.fetch(cut.statement))
    return rows, next_cursor, prev_cursor, total


async def read_order(reads: ReadSession) -> list[UUID]:
    """Of all rules, the one that is tried first in front."""
    tried = select(RoutingRule.id).order_by(RoutingRule.position, RoutingRule.id)
    return [row["id"] for row in await reads.fetch(tried)]


async def get_rule(reads: ReadSession, rule_id: UUID) -> Any:
    """One row. Raises `routing_rule_not_found`."""
    row = await reads.fetch_one(select(*RULE_COLUMNS).where(RoutingRule.id == rule_id))
    if row is None:
        raise RoutingRuleNotFound
    return row


async def lock_rule(session: AsyncSession, rule_id: UUID) -> RoutingRule:
    """The rule, locked for a change. Raises `routing_rule_not_found`."""
    found = await session.get(RoutingRule, rule_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise RoutingRuleNotFound
    return found


async def list_steps(
    reads: ReadSession, ticket_id: UUID, page: PageRequest
) -> tuple[list[Any], str | None, str | None]:
    """A ticket's decisions, oldest first; the caller has checked that they may see its internal side."""
    decisions = func.jsonb_array_elements(EventRow.internal_data["decisions"])
    each = decisions.table_valued(column("decision", JSONB), with_ordinality="place").render_derived(name="each")
    decision, place = each.c.decision, cast(each.c.place, BigInteger)
    shown = {name: decision[name].astext for name in ("step", "value", "decided_by", "rule_id", "rule_name", "reason")}
    statement = (
        select(
            EventRow.id.label("event_id"),
            EventRow.occurred_at.label("at"),
            EventRow.actor_kind,
            EventRow.actor_id,
            User.name.label("actor_name"),
            EventRow.cause_event_id,
            decision["from"].astext.label("before"),
            *[text.label(name) for name, text in shown.items()],
        )
        .select_from(EventRow)
        .join(each, true())
        .outerjoin(User, User.id == EventRow.actor_id)
        .where(EventRow.ticket_id == ticket_id)
    )
    keys = (SortKey("position", EventRow.position, int), SortKey("place", place, int))
    cut = paged(statement, keys, page)
    return cut.finish(await reads.fetch(cut.statement))
