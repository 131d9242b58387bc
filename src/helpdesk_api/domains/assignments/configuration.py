"""Routing rules: made, changed, ordered, deleted, and tried out. Every process forgets its compiled copies."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import check
from helpdesk_api.conditions.tree import Node, as_json
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.assignments import queries
from helpdesk_api.domains.assignments.actions import pick
from helpdesk_api.domains.assignments.advice import advice_on
from helpdesk_api.domains.assignments.decisions import Decision, Routing
from helpdesk_api.domains.assignments.enums import DecidedBy, DecisionStep
from helpdesk_api.domains.assignments.errors import (
    RoutingOrderIncomplete,
    RoutingRuleWithoutEffect,
    RoutingTestAmbiguous,
    TooManyRoutingRules,
)
from helpdesk_api.domains.assignments.events import (
    RoutingRuleCreated,
    RoutingRuleDeleted,
    RoutingRuleEvent,
    RoutingRuleUpdated,
)
from helpdesk_api.domains.assignments.models import RoutingRule
from helpdesk_api.domains.assignments.roster import read_roster
from helpdesk_api.domains.assignments.schemas import (
    MAX_RULES,
    RoutingFacts,
    RoutingRuleCreate,
    RoutingRuleUpdate,
    RoutingTestCreate,
)
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.domains.categories.queries import categories_within, matrix_within
from helpdesk_api.domains.teams.queries import archived_within, require_takes_tickets_within
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.condition_fields import TICKET
from helpdesk_api.domains.tickets.enums import PrioritySource, TicketStatus
from helpdesk_api.domains.tickets.errors import TicketNotFound
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import has_key
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import UnknownReference
from helpdesk_api.web.preconditions import IfMatch, etag_of_order

_ORDER_LOCK = 4_207_002
_PREFIXES = {"category_id": "cat", "team_id": "tea"}


async def create_rule(session: AsyncSession, principal: Principal, body: RoutingRuleCreate) -> RoutingRule:
    """Raises `validation_failed`, `routing_rule_without_effect`, `too_many_routing_rules`, `unknown_reference`."""
    values = _checked(body.model_dump(exclude={"conditions"}), body.conditions)
    await require_takes_tickets_within(session, body.team_id)
    await _lock_order(session)
    count, last = (await session.execute(select(func.count(), func.coalesce(func.max(RoutingRule.position), -1)))).one()
    if count >= MAX_RULES:
        message = f"At most {MAX_RULES} rules are kept. Delete one first."
        raise TooManyRoutingRules(message)
    now = clock.now()
    rule = RoutingRule(id=new_id(), position=last + 1, **values, created_at=now, updated_at=now, version=1)
    _require_effect(rule)
    session.add(rule)
    await _flush_checked(session)
    changes = {name: (None, _shown(name, value)) for name, value in values.items() if value not in (None, [])}
    await _record(session, principal, rule, RoutingRuleCreated, changes)
    return rule


async def update_rule(session: AsyncSession, principal: Principal, rule: RoutingRule, body: RoutingRuleUpdate) -> None:
    """Merge patch; `{}` changes nothing. Raises what `create_rule` does."""
    given = body.model_dump(exclude_unset=True, exclude={"conditions"})
    values = _checked(given, body.conditions if "conditions" in body.model_fields_set else None)
    changes: dict[str, tuple[Any, Any]] = {}
    for name, value in values.items():
        before = getattr(rule, name)
        if before != value:
            if name == "team_id":
                await require_takes_tickets_within(session, value)
            changes[name] = (_shown(name, before), _shown(name, value))
            setattr(rule, name, value)
    if not changes:
        return
    _require_effect(rule)
    rule.version += 1
    rule.updated_at = clock.now()
    await _flush_checked(session)
    await _record(session, principal, rule, RoutingRuleUpdated, changes)


async def delete_rule(session: AsyncSession, principal: Principal, rule: RoutingRule) -> None:
    """What it decided keeps its name in each ticket's history."""
    await session.delete(rule)
    await _record(session, principal, rule, RoutingRuleDeleted, {})


async def order_rules(session: AsyncSession, principal: Principal, rule_ids: list[UUID], if_match: IfMatch) -> None:
    """Raises `routing_order_incomplete` unless every rule is named exactly once."""
    await _lock_order(session)
    tried = select(RoutingRule.id, RoutingRule.position).order_by(RoutingRule.position, RoutingRule.id)
    positions = {row.id: row.position for row in (await session.execute(tried)).all()}
    if_match.check(etag_of_order(positions))
    if len(rule_ids) != len(positions) or set(rule_ids) != positions.keys():
        raise RoutingOrderIncomplete(pointer="#/rule_ids")
    moved = {rule_id: place for place, rule_id in enumerate(rule_ids) if positions[rule_id] != place}
    if not moved:
        return
    await session.execute(
        update(RoutingRule)
        .where(RoutingRule.id.in_(moved))
        .values(
            position=case(moved, value=RoutingRule.id),
            version=RoutingRule.version + 1,
            updated_at=clock.now(),
        )
        .execution_options(synchronize_session=False)
    )
    await invalidate(session, queries.RULES)
    for rule_id, place in moved.items():
        changes = {"position": (positions[rule_id], place)}
        event = RoutingRuleUpdated(subject_id=rule_id, visibility=Visibility.INTERNAL, internal_changes=changes)
        await record(session, principal, event)


async def try_routing(session: AsyncSession, principal: Principal, body: RoutingTestCreate) -> dict[str, Any]:
    """What would be decided now. Raises `routing_test_ambiguous`, `ticket_not_found`. Writes nothing."""
    if (body.ticket is None) == (body.facts is None):
        raise RoutingTestAmbiguous
    if body.ticket is not None:
        ticket = await _as_new(session, principal, body.ticket)
    else:
        ticket = _imagined(principal, body.facts or RoutingFacts(subject="-"))
    explicit = {"type", "category"} if ticket.category_id is not None else {"type"}
    advice = await advice_on(session, ticket)
    for name, value in advice.facts.items():
        setattr(ticket, name, value)
    categories, matrix = await categories_within(session), await matrix_within(session)
    archived = await archived_within(session)
    routing = Routing(ticket, explicit, categories, matrix, advice.opinions, archived)
    decisions = routing.decide(await queries.rules_within(session))
    awaits_member = False
    if ticket.team_id is not None:
        roster = await read_roster(session, [ticket.team_id], lock=False)
        target = pick(roster, ticket, ticket.team_id, DecidedBy.LEAST_LOADED)
        ticket.assignee_id, awaits_member = target.assignee_id, target.awaits_member
        decisions.append(Decision(DecisionStep.ASSIGNEE, None, target.assignee_id, target.by, target.reason))
    return {
        "category_id": ticket.category_id,
        "priority": ticket.priority,
        "team_id": ticket.team_id,
        "assignee_id": ticket.assignee_id,
        "awaits_member": awaits_member,
        "tags": ticket.tags,
        "matched_rules": [{"rule_id": rule.id, "name": rule.name} for rule in routing.matched],
        "steps": [step_of(decision) for decision in decisions],
    }


def step_of(decision: Decision) -> dict[str, Any]:
    """A decision as the contract shows it."""
    shown = decision.as_json()
    return {**shown, "to": shown["value"]}


async def _as_new(session: AsyncSession, principal: Principal, key: str) -> SimpleNamespace:
    """A copy of a ticket that the caller works on, as if it had just come in."""
    statement = select(Ticket).where(has_key(key), policy.readable(principal), policy.sees_internal(principal))
    found = (await session.execute(statement)).scalar_one_or_none()
    if found is None:
        raise TicketNotFound(pointer="#/ticket")
    facts = SimpleNamespace(**{name: getattr(found, name) for name in TICKET.fields})
    return _undecided(facts)


def _imagined(principal: Principal, facts: RoutingFacts) -> SimpleNamespace:
    values: dict[str, Any] = dict.fromkeys(TICKET.fields)
    values |= facts.model_dump()
    values["description"] = facts.description or ""
    values["requester_id"] = facts.requester_id or principal.user_id
    values |= {"submitter_id": principal.user_id, "created_at": clock.now()}
    return _undecided(SimpleNamespace(**values))


def _undecided(facts: SimpleNamespace) -> SimpleNamespace:
    facts.team_id = facts.assignee_id = facts.priority_reason = facts.pending_reason = None
    facts.priority, facts.priority_source = Priority.LOW, PrioritySource.DEFAULT
    facts.status, facts.tags = TicketStatus.OPEN, list(facts.tags)
    facts.reopened_count = facts.public_comment_count = 0
    return facts


def _checked(values: dict[str, Any], conditions: Node | None) -> dict[str, Any]:
    if "add_tags" in values:
        values["add_tags"] = list(dict.fromkeys(values["add_tags"]))
    if conditions is None:
        return values
    check(conditions, TICKET)
    return {**values, "conditions": as_json(conditions)}


def _require_effect(rule: RoutingRule) -> None:
    if rule.category_id is None and rule.team_id is None and rule.priority is None and not rule.add_tags:
        raise RoutingRuleWithoutEffect


async def _lock_order(session: AsyncSession) -> None:
    await session.execute(select(func.pg_advisory_xact_lock(_ORDER_LOCK)))


async def _record(
    session: AsyncSession,
    principal: Principal,
    rule: RoutingRule,
    kind: type[RoutingRuleEvent],
    changes: dict[str, tuple[Any, Any]],
) -> None:
    await invalidate(session, queries.RULES)
    event = kind(
        subject_id=rule.id,
        visibility=Visibility.INTERNAL,
        internal_changes=changes,
        internal_data={"name": rule.name},
        entity=rule,
    )
    await record(session, principal, event)


async def _flush_checked(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        constraint = str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", "") or "")
        if constraint.startswith("fk_routing_rules_"):
            raise UnknownReference(pointer=f"#/{constraint.removeprefix('fk_routing_rules_')}") from error
        raise


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, UUID):
        return public_id(_PREFIXES[name], value)
    return value.value if isinstance(value, Priority) else value
