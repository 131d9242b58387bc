"""Assigning, availability and routing over HTTP; all of it is the staff's."""

from typing import Any

from starlette.responses import Response

from helpdesk_api.authorization.dependencies import PrincipalDep, requires
from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.conditions.checking import InvalidConditions
from helpdesk_api.database.ids import RuleId, UserId, public_id
from helpdesk_api.database.session import DatabaseDep, ReadSessionDep, SessionDep
from helpdesk_api.domains.assignments import actions, availability, configuration, errors, policy, queries
from helpdesk_api.domains.assignments.models import RoutingRule
from helpdesk_api.domains.assignments.schemas import (
    AgentAvailability,
    AssignmentCreate,
    AssignmentHistoryPage,
    AssignmentRead,
    AvailabilityRead,
    AvailabilityUpdate,
    RoutingOrderRead,
    RoutingOrderUpdate,
    RoutingRuleCreate,
    RoutingRulePage,
    RoutingRuleRead,
    RoutingRuleUpdate,
    RoutingTestCreate,
    RoutingTestRead,
    WorkloadRead,
)
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.errors import (
    CHANGE_ERRORS,
    ActionForbidden,
    TicketAlreadyAssigned,
    TicketNotFound,
    TransitionNotAllowed,
)
from helpdesk_api.domains.tickets.queries import TicketKey, VisibleTicketDep, get_row
from helpdesk_api.domains.tickets.routes import current_etag
from helpdesk_api.web.cursors import InvalidCursor
from helpdesk_api.web.errors import PreconditionFailed, UnknownReference, documents
from helpdesk_api.web.listing import PageDep, PageRequest, link_header
from helpdesk_api.web.preconditions import IfMatchDep, etag_of, etag_of_order, set_etag
from helpdesk_api.web.routing import ApiRouter

tickets_router = ApiRouter(
    prefix="/v1/tickets/{ticket_id}/assignments", tags=["assignments"], about="Who works on a ticket, and why."
)
agents_router = ApiRouter(
    prefix="/v1/agents/{user_id}", tags=["agents"], about="How much an agent carries, and when they are away."
)
rules_router = ApiRouter(
    prefix="/v1/routing-rules", tags=["routing"], about="Ordered rules that decide where a new ticket goes."
)
_READ_RULES = [requires(Permission.CONFIGURATION_READ)]
_WRITE_RULES = [requires(Permission.CONFIGURATION_WRITE)]
_RULE_ERRORS = (UnknownReference, InvalidConditions, errors.RoutingRuleWithoutEffect)


def _page(
    rows: list[Any], page: PageRequest, response: Response, cursors: tuple[str | None, str | None], total: int | None
) -> dict[str, Any]:
    if (link := link_header(page, *cursors)) is not None:
        response.headers["Link"] = link
    return {
        "data": rows,
        "next_cursor": cursors[0],
        "prev_cursor": cursors[1],
        "total": total,
        "total_is_exact": None if total is None else True,
    }


@tickets_router.post(
    "",
    operation_id="assignTicket",
    summary="Assign a ticket",
    status_code=201,
    response_model=AssignmentRead,
    dependencies=[requires(Permission.TICKETS_WRITE)],
    responses=documents(
        *CHANGE_ERRORS,
        ActionForbidden,
        TransitionNotAllowed,
        UnknownReference,
        TicketAlreadyAssigned,
        errors.AssignmentTargetMissing,
        errors.AssigneeNotEligible,
        errors.TeamRequired,
        errors.NobodyAvailable,
    ),
    openapi_extra={"x-etag": False},
)
async def assign_ticket(
    visible: VisibleTicketDep,
    body: AssignmentCreate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """Of two people who take the same ticket one wins, and the other is told who. `If-Match` is the ticket's ETag."""
    ticket = visible.ticket
    if_match.check(current_etag(principal, ticket))
    decisions, name = await actions.assign_ticket(session, database, principal, ticket, body)
    response.headers["Location"] = f"/v1/tickets/{public_id('tkt', ticket.id)}/assignments"
    return {
        "ticket_id": ticket.id,
        "ticket_reference": ticket.reference,
        "team_id": ticket.team_id,
        "assignee_id": ticket.assignee_id,
        "assignee_name": name,
        "awaits_member": ticket.awaits_member,
        "steps": [configuration.step_of(decision) for decision in decisions],
    }


@tickets_router.get(
    "",
    operation_id="listTicketAssignments",
    summary="Read who decided what",
    response_model=AssignmentHistoryPage,
    dependencies=[requires(Permission.TICKETS_READ)],
    responses=documents(TicketNotFound, ActionForbidden, InvalidCursor),
)
async def list_assignments(
    ticket_id: TicketKey, page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response
) -> Any:
    """Each decision about category, priority, team and assignee with its reason, newest last. Staff only."""
    row = await get_row(reads, principal, ticket_id)
    if not row["internal"]:
        raise ActionForbidden(TicketAction.ASSIGN)
    rows, next_cursor, prev_cursor = await queries.list_steps(reads, row["id"], page)
    steps = [{**dict(step), "from": step["before"], "to": step["value"]} for step in rows]
    return _page(steps, page, response, (next_cursor, prev_cursor), None)


@agents_router.get(
    "/workload",
    operation_id="getAgentWorkload",
    summary="Read somebody's workload",
    response_model=WorkloadRead,
    dependencies=[requires(Permission.TEAMS_READ)],
    responses=documents(errors.AgentNotFound, errors.StaffOnly),
    openapi_extra={"x-etag": True},
)
async def get_workload(user_id: UserId, principal: PrincipalDep, reads: ReadSessionDep, database: DatabaseDep) -> Any:
    """Their open tickets by priority, and the load by which routing compares people."""
    policy.require_staff(principal)
    return await availability.read_workload(reads, await availability.agent_grants(database, user_id))


@agents_router.get(
    "/availability",
    operation_id="getAgentAvailability",
    summary="Read somebody's availability",
    response_model=AgentAvailability,
    dependencies=[requires(Permission.TEAMS_READ)],
    responses=documents(errors.AgentNotFound, errors.StaffOnly),
)
async def get_availability(
    user_id: UserId, principal: PrincipalDep, reads: ReadSessionDep, database: DatabaseDep, response: Response
) -> Any:
    """As it is now: an absence that has ended counts as ended."""
    policy.require_staff(principal)
    found = await availability.read_agent(reads, (await availability.agent_grants(database, user_id)).user_id)
    set_etag(response, availability.etag(found))
    return {"user_id": user_id, **found}


@agents_router.put(
    "/availability",
    operation_id="setAgentAvailability",
    summary="Set somebody's availability",
    response_model=AvailabilityRead,
    dependencies=[requires(Permission.TICKETS_WRITE)],
    responses=documents(
        errors.AgentNotFound,
        errors.AvailabilityForbidden,
        errors.ReturnInPast,
        errors.ReturnWithoutAbsence,
        errors.HandoverWithoutAbsence,
        PreconditionFailed,
    ),
)
async def set_availability(
    user_id: UserId,
    body: AvailabilityUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    database: DatabaseDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """One's own, a lead's for their team, an admin's for all. An absence may offer or perform a hand-over."""
    handed = await availability.set_availability(session, database, principal, user_id, body, if_match)
    set_etag(response, availability.etag(body.model_dump()))
    return {
        "user_id": user_id,
        "is_available": body.is_available,
        "away_until": body.away_until,
        "open_limit": body.open_limit,
        "handover": body.handover,
        "tickets": handed.tickets,
        "has_more": handed.has_more,
    }


@rules_router.get(
    "",
    operation_id="listRoutingRules",
    summary="List routing rules",
    response_model=RoutingRulePage,
    dependencies=_READ_RULES,
    responses=documents(InvalidCursor, errors.StaffOnly),
)
async def list_rules(page: PageDep, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """In the order in which they are tried, inactive ones included."""
    policy.require_staff(principal)
    rows, next_cursor, prev_cursor, total = await queries.list_rules(reads, page)
    return _page([dict(row) for row in rows], page, response, (next_cursor, prev_cursor), total)


@rules_router.post(
    "",
    operation_id="createRoutingRule",
    summary="Create a routing rule",
    status_code=201,
    response_model=RoutingRuleRead,
    dependencies=_WRITE_RULES,
    responses=documents(*_RULE_ERRORS, errors.TooManyRoutingRules),
)
async def create_rule(body: RoutingRuleCreate, principal: PrincipalDep, session: SessionDep, response: Response) -> Any:
    """It is tried after all others until the order is changed."""
    rule = await configuration.create_rule(session, principal, body)
    response.headers["Location"] = f"/v1/routing-rules/{public_id('rul', rule.id)}"
    return _written(response, rule)


def _written(response: Response, rule: RoutingRule) -> dict[str, Any]:
    set_etag(response, etag_of(rule.version))
    return {column.key: getattr(rule, column.key) for column in queries.RULE_COLUMNS}


@rules_router.get(
    "/order",
    operation_id="getRoutingOrder",
    summary="Read the order of the routing rules",
    response_model=RoutingOrderRead,
    dependencies=_READ_RULES,
    responses=documents(errors.StaffOnly),
)
async def get_order(principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """Its ETag guards a new order against one that somebody else set meanwhile."""
    policy.require_staff(principal)
    order = await queries.read_order(reads)
    set_etag(response, etag_of_order(order))
    return {"rule_ids": order}


@rules_router.put(
    "/order",
    operation_id="orderRoutingRules",
    summary="Order the routing rules",
    status_code=204,
    dependencies=_WRITE_RULES,
    responses=documents(errors.RoutingOrderIncomplete, PreconditionFailed),
)
async def order_rules(
    body: RoutingOrderUpdate, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep
) -> None:
    """Every rule once; the first is tried first."""
    await configuration.order_rules(session, principal, body.rule_ids, if_match)


@rules_router.post(
    "/test",
    operation_id="testRouting",
    summary="Try the routing out",
    response_model=RoutingTestRead,
    dependencies=_READ_RULES,
    responses=documents(TicketNotFound, errors.StaffOnly, errors.RoutingTestAmbiguous),
)
async def test_routing(body: RoutingTestCreate, principal: PrincipalDep, session: SessionDep) -> Any:
    """What a ticket would get if it came in now, and why. Nothing is changed."""
    policy.require_staff(principal)
    return await configuration.try_routing(session, principal, body)


@rules_router.get(
    "/{rule_id}",
    operation_id="getRoutingRule",
    summary="Read a routing rule",
    response_model=RoutingRuleRead,
    dependencies=_READ_RULES,
    responses=documents(errors.RoutingRuleNotFound, errors.StaffOnly),
)
async def get_rule(rule_id: RuleId, principal: PrincipalDep, reads: ReadSessionDep, response: Response) -> Any:
    """With its conditions as they were written."""
    policy.require_staff(principal)
    row = await queries.get_rule(reads, rule_id)
    set_etag(response, etag_of(row["version"]))
    return dict(row)


@rules_router.patch(
    "/{rule_id}",
    operation_id="updateRoutingRule",
    summary="Change a routing rule",
    response_model=RoutingRuleRead,
    dependencies=_WRITE_RULES,
    responses=documents(errors.RoutingRuleNotFound, PreconditionFailed, *_RULE_ERRORS),
)
async def update_rule(
    rule_id: RuleId,
    body: RoutingRuleUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    if_match: IfMatchDep,
    response: Response,
) -> Any:
    """JSON merge patch; `conditions` are replaced as a whole. Tickets already routed stay where they are."""
    rule = await queries.lock_rule(session, rule_id)
    if_match.check(etag_of(rule.version))
    await configuration.update_rule(session, principal, rule, body)
    return _written(response, rule)


@rules_router.delete(
    "/{rule_id}",
    operation_id="deleteRoutingRule",
    summary="Delete a routing rule",
    status_code=204,
    dependencies=_WRITE_RULES,
    responses=documents(errors.RoutingRuleNotFound, PreconditionFailed),
)
async def delete_rule(rule_id: RuleId, principal: PrincipalDep, session: SessionDep, if_match: IfMatchDep) -> None:
    """Its decisions stay explained by its name."""
    rule = await queries.lock_rule(session, rule_id)
    if_match.check(etag_of(rule.version))
    await configuration.delete_rule(session, principal, rule)


ROUTERS = (tickets_router, agents_router, rules_router)
