"""Bodies of SLA policies."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, HttpUrl

from helpdesk_api.conditions.tree import Condition, ConditionTree
from helpdesk_api.database.ids import CalendarId, SlaClockId, SlaPolicyId, TeamId, TicketId, UserId
from helpdesk_api.domains.categories.enums import Priority, TicketType
from helpdesk_api.domains.sla.enums import Metric, PolicyKind, VersionState
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from helpdesk_api.web.schemas import (
    WHOLE_NUMBER,
    Instant,
    Name,
    OptionalText,
    Page,
    RequestInstant,
    RequestModel,
    ResponseModel,
    absent,
)

# Ten years: longer promises are mistakes.
LONGEST = 315_360_000
MAX_POLICIES, MAX_TARGETS, MAX_STEPS = 200, 200, 20
Seconds = Annotated[int, Field(ge=1, le=LONGEST), WHOLE_NUMBER]


class SlaTarget(RequestModel):
    """Working time that a metric may take, for one priority; with a type, for tickets of that type alone."""

    metric: Metric
    priority: Priority
    type: TicketType | None = Field(default=None, description="Wins over the target without a type.")
    seconds: Seconds = Field(examples=[14_400])


class SlaPause(RequestModel):
    """In these statuses a metric's clock rests."""

    metric: Metric
    statuses: list[TicketStatus] = Field(max_length=6)
    pending_reasons: list[PendingReason] | None = Field(
        default=None, max_length=6, description="Narrows `pending` down; null for whatever the reason."
    )


class WarningByPercent(RequestModel):
    percent: Annotated[int, Field(ge=1, le=99), WHOLE_NUMBER] = Field(description="Of the target's working time.")


class WarningByTime(RequestModel):
    seconds_before: Seconds = Field(description="Working time before the deadline.")


class NotifyTarget(StrEnum):
    ASSIGNEE = "assignee"
    TEAM_LEADS = "team_leads"
    TEAM = "team"
    USER = "user"


class NotifyAction(RequestModel):
    """Mails the people it names; `team` and `user` name whom."""

    type: Literal["notify"]
    to: NotifyTarget
    user_id: UserId | None = None
    team_id: TeamId | None = None


class RaisePriorityAction(RequestModel):
    """To this priority, or by one step; never down."""

    type: Literal["raise_priority"]
    to: Priority | None = None


class AssignAction(RequestModel):
    """To a person, or to a team whose free member takes it."""

    type: Literal["assign"]
    user_id: UserId | None = None
    team_id: TeamId | None = None


class AddWatcherAction(RequestModel):
    type: Literal["add_watcher"]
    user_id: UserId


class CallWebhookAction(RequestModel):
    """Posts the event as JSON, retried until it is taken, always under the same delivery id. As webhooks, to public
    addresses by HTTPS alone, and to the networks that the operator names."""

    type: Literal["call_webhook"]
    url: HttpUrl = Field(max_length=2_000, json_schema_extra={"pattern": "^https?://"})


EscalationAction = Annotated[
    NotifyAction | RaisePriorityAction | AssignAction | AddWatcherAction | CallWebhookAction,
    Field(discriminator="type"),
]


class EscalationStep(RequestModel):
    """One rung of the ladder: working time before (negative) or after the deadline, and what is done then."""

    metric: Metric | None = Field(default=None, description="Null for each of them.")
    offset_seconds: Annotated[int, Field(ge=-LONGEST, le=LONGEST), WHOLE_NUMBER]
    actions: list[EscalationAction] = Field(min_length=1, max_length=5)


SlaWarning = WarningByPercent | WarningByTime


class SlaDefinition(RequestModel):
    """What a version says."""

    description: OptionalText | None = None
    conditions: ConditionTree | None = Field(default=None, description="Null for every ticket.")
    calendar_id: CalendarId
    targets: list[SlaTarget] = Field(min_length=1, max_length=MAX_TARGETS)
    pauses: list[SlaPause] = Field(
        default_factory=lambda: [
            SlaPause(metric=metric, statuses=[TicketStatus.PENDING])
            for metric in (Metric.NEXT_RESPONSE, Metric.UPDATE, Metric.RESOLUTION)
        ],
        max_length=20,
        description=(
            "`pending` pauses all but first response and assignment when left out; nothing pauses an underpinning"
            " contract, which runs while the ticket waits for the vendor."
        ),
    )
    warnings: list[SlaWarning] = Field(
        default_factory=lambda: list[SlaWarning]([WarningByPercent(percent=75)]),
        max_length=5,
        description="At 75 % when left out.",
    )
    escalations: list[EscalationStep] = Field(default_factory=list, max_length=MAX_STEPS)


class SlaPolicyCreate(SlaDefinition):
    """A policy with its first draft; it binds nobody until it is published."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Head office",
                    "kind": "sla",
                    "calendar_id": "cal_00000000000070008000000000000247",
                    "targets": [{"metric": "resolution", "priority": "high", "seconds": 28_800}],
                }
            ]
        }
    )

    name: Name
    kind: PolicyKind = PolicyKind.SLA
    team_id: TeamId | None = Field(default=None, description="Whose OLA it is; with the kind `ola` only.")


class SlaPolicyUpdate(RequestModel):
    """JSON merge patch of the name and the draft; the draft begins as a copy of what was last published."""

    name: Name = absent()
    description: OptionalText | None = absent()
    conditions: ConditionTree | None = absent()
    calendar_id: CalendarId = absent()
    targets: Annotated[list[SlaTarget], Field(min_length=1, max_length=MAX_TARGETS)] = absent()
    pauses: Annotated[list[SlaPause], Field(max_length=20)] = absent()
    warnings: Annotated[list[SlaWarning], Field(max_length=5)] = absent()
    escalations: Annotated[list[EscalationStep], Field(max_length=MAX_STEPS)] = absent()


class SlaPolicyPublish(RequestModel):
    """When the draft comes into force."""

    effective_from: RequestInstant | None = Field(default=None, description="At once when left out or null.")


class SlaPolicyOrderUpdate(RequestModel):
    """Every policy that is not archived, once; the first whose conditions hold counts."""

    policy_ids: list[SlaPolicyId] = Field(max_length=MAX_POLICIES)


class SlaPolicyOrder(ResponseModel):
    """Every policy that is not archived, in the order in which they are tried."""

    model_config = ConfigDict(title="SlaPolicyOrder")

    policy_ids: list[SlaPolicyId] = Field(max_length=MAX_POLICIES)


class SlaPolicyVersionRead(ResponseModel):
    """One version of a policy."""

    model_config = ConfigDict(title="SlaPolicyVersion")

    number: int = Field(ge=1)
    state: VersionState
    effective_from: Instant | None = Field(description="Null for a draft.")
    description: str | None = Field(max_length=500)
    conditions: Condition | None
    calendar_id: CalendarId
    targets: list[SlaTarget] = Field(max_length=MAX_TARGETS)
    pauses: list[SlaPause] = Field(max_length=20)
    warnings: list[SlaWarning] = Field(max_length=5)
    escalations: list[EscalationStep] = Field(max_length=MAX_STEPS)
    created_by_id: UserId | None
    published_by_id: UserId | None
    created_at: Instant
    updated_at: Instant
    published_at: Instant | None


class SlaPolicyRead(ResponseModel):
    """A policy with the versions that matter now."""

    model_config = ConfigDict(title="SlaPolicy")

    id: SlaPolicyId
    name: str = Field(max_length=120)
    kind: PolicyKind
    team_id: TeamId | None
    position: int = Field(ge=0)
    archived_at: Instant | None
    created_at: Instant
    updated_at: Instant
    current: SlaPolicyVersionRead | None = Field(description="In force now.")
    next: SlaPolicyVersionRead | None = Field(description="Published, and not yet in force.")
    draft: SlaPolicyVersionRead | None


class SlaPolicyPage(Page[SlaPolicyRead]):
    model_config = ConfigDict(title="SlaPolicyPage")


class SlaPolicyVersionPage(Page[SlaPolicyVersionRead]):
    model_config = ConfigDict(title="SlaPolicyVersionPage")


class SlaPreviewMove(ResponseModel):
    """A clock whose due time would be another."""

    ticket_id: TicketId
    reference: str = Field(max_length=24)
    sla_id: SlaClockId
    kind: PolicyKind
    metric: Metric
    due_at: Instant | None = Field(description="Now; null while it is paused.")
    new_due_at: Instant | None = Field(description="Null while it would be paused, or cancelled.")
    shift_seconds: float | None = Field(
        ge=-(10**12),
        le=10**12,
        description="Later is positive; while it stays paused, of the target. Null without a due time before or after.",
    )
    would_breach: bool = Field(description="Late at once, and not late before.")
    is_cancelled: bool = Field(description="Nothing would be promised any more.")


class SlaPreviewBeginning(ResponseModel):
    """A clock that would begin for a ticket that is open already, and counts from its start in the past."""

    ticket_id: TicketId
    reference: str = Field(max_length=24)
    kind: PolicyKind
    metric: Metric
    due_at: Instant | None = Field(description="Null while it would be paused.")
    would_breach: bool = Field(description="Late at once.")


class SlaPolicyPreview(ResponseModel):
    """What publishing the draft would do to the open tickets. Nothing was changed."""

    model_config = ConfigDict(title="SlaPolicyPreview")

    effective_from: Instant
    open_tickets: int = Field(ge=0)
    moved: int = Field(ge=0, description="Clocks whose due time would be another.")
    would_breach: int = Field(ge=0, description="Clocks that would be late at once, also of those that would begin.")
    would_begin: int = Field(ge=0, description="Clocks that would begin for tickets that are open already.")
    would_begin_is_exact: bool = Field(
        description="False where more than 200,000 open tickets lack a clock that is promised: the oldest are looked "
        "through then, for `would_begin` and what of it would be late."
    )
    not_yet_promised: int = Field(ge=0, description="Promises that no clock runs for yet; `would_begin` of them would.")
    data: list[SlaPreviewMove] = Field(max_length=1_000, description="The furthest moves first.")
    begins: list[SlaPreviewBeginning] = Field(max_length=1_000, description="Late ones first, then by due time.")
    has_more: bool
