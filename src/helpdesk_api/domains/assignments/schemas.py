"""Bodies of assigning, availability and routing."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, JsonValue

from helpdesk_api.conditions.tree import Condition, ConditionTree
from helpdesk_api.database.ids import CategoryId, EventId, OrganizationId, RuleId, TeamId, TicketId, UserId
from helpdesk_api.domains.assignments.enums import AssignmentStrategy, DecidedBy, DecisionStep, Handover
from helpdesk_api.domains.categories.enums import Channel, Impact, Priority, TicketType, Urgency
from helpdesk_api.web.schemas import (
    WHOLE_NUMBER,
    Flag,
    Instant,
    LongText,
    Name,
    OptionalText,
    Page,
    RequestInstant,
    RequestModel,
    ResponseModel,
    ShortText,
    Tag,
    absent,
)

MAX_HANDED_OVER = 50
MAX_RULES = 200
AssigneeKey = Annotated[str, Field(max_length=36, pattern=r"^(me|usr_[0-9a-f]{32})$")]
ReferenceText = Annotated[str, Field(max_length=24, pattern=r"^(INC|REQ|PRB|CHG)-[0-9]{1,19}$")]
TicketKeyText = Annotated[str, Field(max_length=36, pattern=r"^(tkt_[0-9a-f]{32}|(INC|REQ|PRB|CHG)-[0-9]{1,18})$")]
RuleTags = Annotated[list[Tag], Field(max_length=20)]


def _left_out(description: str) -> Any:
    """A field that may be missing and may not be null."""
    return Field(default=None, description=description)


class AssignmentCreate(RequestModel):
    """To a person, to oneself (`me`), to a team, or to whoever has the least open load."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"assignee_id": "me"},
                {"strategy": "least_loaded", "reason": "Needs somebody today."},
                {"team_id": "tea_0190a6f3e1d87c3aa1b2c3d4e5f60718"},
            ]
        }
    )

    assignee_id: AssigneeKey | None = Field(
        default=None, description="Somebody, `me`, or null to take it off its assignee."
    )
    team_id: TeamId = _left_out("Alone: to the team, whose free member takes it. With an assignee: both.")
    strategy: AssignmentStrategy = _left_out("In place of an assignee.")
    expected_assignee_id: UserId | None = Field(
        default=None, description="Only if this is who has it now; null means nobody. Otherwise 409."
    )
    replace: Flag = Field(
        default=False, description="Take it even from a colleague who has it; false when left out, which answers 409."
    )
    reason: OptionalText | None = Field(default=None, description="Kept in its history, for staff.")


class AssignmentStep(ResponseModel):
    """One decision about a ticket: from what to what, by whom or what, and why."""

    step: DecisionStep
    from_: str | None = Field(alias="from", max_length=40, description="An id, or a priority.")
    to: str | None = Field(max_length=40, description="An id, or a priority; null for nobody.")
    decided_by: DecidedBy
    rule_id: RuleId | None
    rule_name: str | None = Field(max_length=120, description="As it was called then.")
    reason: str = Field(max_length=600)


class AssignmentHistoryStep(AssignmentStep):
    """A step of a ticket's history."""

    event_id: EventId
    at: Instant
    actor_kind: str = Field(max_length=20, description="`user`, `service` or `system`.")
    actor_id: UserId | None
    actor_name: str | None = Field(max_length=120)
    cause_event_id: EventId | None = Field(description="The event that led to it, when it happened by itself.")


class AssignmentHistoryPage(Page[AssignmentHistoryStep]):
    """One page of a ticket's decisions, oldest first."""

    model_config = ConfigDict(title="AssignmentHistoryPage")


class AssignmentRead(ResponseModel):
    """Who has the ticket now, and the steps that led there; none when nothing had to change."""

    model_config = ConfigDict(title="Assignment")

    ticket_id: TicketId
    ticket_reference: ReferenceText
    team_id: TeamId | None
    assignee_id: UserId | None
    assignee_name: str | None = Field(max_length=120)
    awaits_member: bool = Field(description="Nobody of the team was free; the next free member gets it.")
    steps: list[AssignmentStep] = Field(max_length=5)


class WorkloadRead(ResponseModel):
    """What somebody has to do now. Weights: low 1, medium 2, high 4, critical 8."""

    model_config = ConfigDict(title="Workload")

    user_id: UserId
    name: str = Field(max_length=120)
    is_available: bool
    away_until: Instant | None
    open_limit: int | None = Field(ge=0, le=10_000, description="Open tickets that routing gives at most.")
    open_count: int
    open_load: int
    last_assigned_at: Instant | None
    low: int = Field(ge=0, description="Open tickets of this priority.")
    medium: int = Field(ge=0)
    high: int = Field(ge=0)
    critical: int = Field(ge=0)
    pending: int = Field(ge=0, description="Of all of these, those that wait for somebody or something.")


class AvailabilityUpdate(RequestModel):
    """The whole of it: what is left out is reset."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"is_available": False, "away_until": "2030-08-01T07:00:00Z", "handover": "offer"}]
        }
    )

    is_available: Flag
    away_until: RequestInstant | None = Field(default=None, description="When an absence ends by itself.")
    open_limit: Annotated[int, Field(ge=0, le=10_000), WHOLE_NUMBER] | None = Field(
        default=None, description="Open tickets that routing gives at most; null for no limit. People may give more."
    )
    handover: Handover = Field(default=Handover.NONE, description="Only for an absence; `none` when left out.")


class HandedOver(ResponseModel):
    """An open ticket of somebody who is away, and who takes it."""

    ticket_id: TicketId
    ticket_reference: ReferenceText
    team_id: TeamId | None
    assignee_id: UserId | None = Field(description="Null when nobody is free: it waits with its team.")
    assignee_name: str | None = Field(max_length=120)


class AgentAvailability(ResponseModel):
    """Somebody's availability."""

    user_id: UserId
    is_available: bool
    away_until: Instant | None
    open_limit: int | None = Field(ge=0, le=10_000)


class AvailabilityRead(AgentAvailability):
    """Somebody's availability, and the hand-over that was offered or performed."""

    model_config = ConfigDict(title="Availability")

    handover: Handover
    tickets: list[HandedOver] = Field(max_length=MAX_HANDED_OVER)
    has_more: bool = Field(description="More tickets than shown; a performed hand-over goes on with them by itself.")


_RULE_EXAMPLE: dict[str, JsonValue] = {
    "name": "VPN trouble is urgent",
    "conditions": {
        "any": [
            {"field": "subject", "op": "contains", "value": "vpn"},
            {"field": "tags", "op": "contains", "value": "vpn"},
        ]
    },
    "priority": "high",
    "add_tags": ["network"],
}


class RoutingRuleCreate(RequestModel):
    """Conditions on a new ticket, and what they decide. It goes to the end of the order."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RULE_EXAMPLE]})

    name: Name
    conditions: ConditionTree
    category_id: CategoryId | None = None
    team_id: TeamId | None = None
    priority: Priority | None = None
    add_tags: RuleTags = Field(default_factory=list)
    stops: Flag = Field(default=False, description="No later rule is tried after it; false when left out.")
    is_active: Flag = Field(default=True, description="True when left out.")


class RoutingRuleUpdate(RequestModel):
    """JSON merge patch (RFC 7396), but `conditions` are replaced as a whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"is_active": False}]})

    name: Name = absent()
    conditions: ConditionTree = absent()
    category_id: CategoryId | None = absent()
    team_id: TeamId | None = absent()
    priority: Priority | None = absent()
    add_tags: RuleTags = absent()
    stops: Flag = absent()
    is_active: Flag = absent()


class RoutingRuleRead(ResponseModel):
    """A routing rule. The first that sets a field decides it; explicit values win over all rules; tags add up."""

    model_config = ConfigDict(title="RoutingRule")

    id: RuleId
    name: str = Field(max_length=120)
    position: int = Field(ge=0, description="Smaller is tried earlier.")
    conditions: Condition
    category_id: CategoryId | None
    team_id: TeamId | None
    priority: Priority | None
    add_tags: list[str] = Field(max_length=20)
    stops: bool
    is_active: bool
    created_at: Instant
    updated_at: Instant
    version: int = Field(ge=1)


class RoutingRulePage(Page[RoutingRuleRead]):
    """One page of rules in the order in which they are tried."""

    model_config = ConfigDict(title="RoutingRulePage")


class RoutingOrderUpdate(RequestModel):
    """Every rule once, in the new order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rule_ids": ["rul_0190a6f3e1d87c3aa1b2c3d4e5f60718"]}]})

    rule_ids: Annotated[list[RuleId], Field(max_length=MAX_RULES)]


class RoutingOrderRead(ResponseModel):
    """Every rule, in the order in which they are tried."""

    model_config = ConfigDict(title="RoutingOrder")

    rule_ids: Annotated[list[RuleId], Field(max_length=MAX_RULES)]


class RoutingFacts(RequestModel):
    """A ticket that could come in."""

    type: TicketType = Field(default=TicketType.INCIDENT, description="`incident` when left out.")
    subject: ShortText
    description: LongText | None = None
    affected_service: ShortText | None = None
    channel: Channel = Field(default=Channel.API, description="`api` when left out.")
    requester_id: UserId | None = Field(default=None, description="The caller when left out.")
    organization_id: OrganizationId | None = None
    category_id: CategoryId | None = None
    impact: Impact | None = None
    urgency: Urgency | None = None
    tags: RuleTags = Field(default_factory=list)


class RoutingTestCreate(RequestModel):
    """A ticket that exists, as if it came in now, or the facts of one that could."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"facts": {"subject": "VPN drops", "impact": "medium", "urgency": "high"}}]}
    )

    ticket: TicketKeyText | None = Field(default=None, description="Its id or reference.")
    facts: RoutingFacts | None = None


class MatchedRule(ResponseModel):
    """A rule whose conditions were true, whether or not it was the first to decide."""

    rule_id: RuleId
    name: str = Field(max_length=120)


class RoutingTestRead(ResponseModel):
    """What would be decided, and why. Nothing was changed."""

    model_config = ConfigDict(title="RoutingTest")

    category_id: CategoryId | None
    priority: Priority
    team_id: TeamId | None
    assignee_id: UserId | None
    awaits_member: bool
    tags: list[str] = Field(max_length=60)
    matched_rules: list[MatchedRule] = Field(max_length=MAX_RULES)
    steps: list[AssignmentStep] = Field(max_length=4)
