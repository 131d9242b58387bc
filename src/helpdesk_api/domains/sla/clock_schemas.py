"""Bodies of clocks: where they stand, why, and what would be."""

from typing import Annotated

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import (
    CalendarId,
    CategoryId,
    OrganizationId,
    SlaClockId,
    SlaPolicyId,
    TeamId,
    TicketId,
    UserId,
)
from helpdesk_api.domains.categories.enums import Channel, Impact, Priority, TicketType, Urgency
from helpdesk_api.domains.sla.enums import ClockState, Metric, PolicyKind
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from helpdesk_api.domains.tickets.schemas import LanguageCode, Tags
from helpdesk_api.domains.tickets.sla_schemas import ClockReading, ElapsedTime
from helpdesk_api.web.schemas import (
    NO_NUL,
    WHOLE_NUMBER,
    ExternalText,
    Instant,
    LongText,
    OptionalText,
    RequestInstant,
    RequestModel,
    ResponseModel,
    ShortText,
)

Count = Annotated[int, Field(ge=0, le=1_000_000), WHOLE_NUMBER]


class SlaCycle(ClockReading):
    """One run of a metric's clock."""

    state: ClockState = Field(description="A running clock that is late is `running` and `is_breached`.")


class SlaRead(ResponseModel):
    """One metric of one kind of agreement, through all its cycles."""

    model_config = ConfigDict(title="Sla")

    kind: PolicyKind
    metric: Metric
    ongoing_cycle: SlaCycle | None
    completed_cycles: list[SlaCycle] = Field(max_length=10_000)


class SlaList(ResponseModel):
    """All clocks of a ticket that its reader may see."""

    model_config = ConfigDict(title="SlaList")

    ticket_id: TicketId
    data: list[SlaRead] = Field(max_length=15)


class SlaSegment(ResponseModel):
    """A stretch of a clock's life that counts or does not, and why."""

    from_: Instant = Field(alias="from")
    to: Instant
    is_counted: bool
    why: str = Field(
        max_length=32,
        description="`open`: counted; `closed`: outside working hours; `paused`; `resolved`: between resolution and "
        "reopening.",
    )
    seconds: float = Field(ge=0)
    calendar_id: CalendarId
    calendar_version: int = Field(ge=1)
    policy_id: SlaPolicyId
    policy_version: int = Field(ge=1)


class SlaStep(ResponseModel):
    """Something that was applied to the clock, in order."""

    at: Instant
    what: str = Field(max_length=32)
    reason: str | None = Field(max_length=64)


class SlaExplanation(ResponseModel):
    """Why a clock stands where it stands: its counted segments add up exactly to its working seconds."""

    model_config = ConfigDict(title="SlaExplanation")

    id: SlaClockId
    ticket_id: TicketId
    kind: PolicyKind
    metric: Metric
    cycle: int = Field(ge=1)
    as_of: Instant
    elapsed: ElapsedTime
    segments: list[SlaSegment] = Field(max_length=100_000)
    steps: list[SlaStep] = Field(max_length=10_000)


class DeadlineUpdate(RequestModel):
    """A deadline by hand, which no pause and no change of priority, policy or calendar moves; null removes it."""

    due_at: RequestInstant | None = Field(description="Ahead, and at most ten years from now.")
    reason: OptionalText | None = None


class SlaDeadline(ResponseModel):
    """What a clock is due by now, and whether somebody set it by hand."""

    model_config = ConfigDict(title="SlaDeadline")

    id: SlaClockId
    due_at: Instant | None = Field(description="Null while it is paused, unless it was set by hand.")
    manual_due_at: Instant | None


class SimulatedFacts(RequestModel):
    """A ticket that does not exist: everything that a policy's conditions read."""

    type: TicketType = TicketType.INCIDENT
    priority: Priority = Field(
        default=Priority.MEDIUM,
        description="When left out, what the matrix makes of impact and urgency, else `medium`.",
    )
    impact: Impact | None = None
    urgency: Urgency | None = None
    status: TicketStatus = TicketStatus.OPEN
    pending_reason: PendingReason | None = Field(
        default=None, description="Of a pending one; `requester` when left out or null."
    )
    category_id: CategoryId | None = None
    team_id: TeamId | None = None
    assignee_id: UserId | None = None
    requester_id: UserId | None = Field(default=None, description="The caller when left out or null.")
    submitter_id: UserId | None = Field(default=None, description="The caller when left out or null.")
    organization_id: OrganizationId | None = Field(default=None, description="The requester's when left out.")
    subject: Annotated[str, Field(max_length=200, pattern=NO_NUL)] = ""
    description: Annotated[str, Field(max_length=65_536, pattern=NO_NUL)] = ""
    steps_tried: LongText | None = None
    affected_service: ShortText | None = None
    tags: Tags = Field(default_factory=list)
    channel: Channel = Channel.API
    language: LanguageCode | None = None
    external_source: ExternalText | None = None
    external_id: ExternalText | None = None
    began_at: RequestInstant | None = None
    reopened_count: Count = 0
    public_comment_count: Count = 0
    created_at: RequestInstant | None = Field(default=None, description="Now when left out or null.")


class SimulatedChange(RequestModel):
    """What would happen to it, and when."""

    at: RequestInstant | None = Field(
        default=None,
        description=(
            "Not before what happened last to the ticket, nor before the change in front, and at most ten years from "
            "now; now, or with that one, when left out or null."
        ),
    )
    priority: Priority | None = None
    category_id: CategoryId | None = None
    team_id: TeamId | None = Field(
        default=None,
        description="Who has it stays: whom the team gives it to depends on who is free by then. `assign` says it.",
    )
    action: str | None = Field(
        default=None,
        max_length=20,
        pattern="^(pend|resume|resolve|reply|requester_reply|assign)$",
        description=(
            "One that the ticket's status allows by then. The requester's reply resumes a pending ticket, reopens a "
            "resolved one inside the reopen window, and later leaves it as it is: it would open another ticket."
        ),
    )
    pending_reason: PendingReason | None = Field(
        default=None, description="With `pend`, what it waits for; `requester` when left out or null."
    )
    assignee_id: UserId | None = Field(
        default=None, description="With `assign`, who takes it; the caller when left out or null."
    )


class SlaSimulate(RequestModel):
    """A ticket's facts, or a ticket, and changes that did not happen."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"facts": {"priority": "high"}, "changes": [{"action": "pend", "pending_reason": "vendor"}]}],
        }
    )

    ticket_id: TicketId | None = None
    facts: SimulatedFacts | None = None
    changes: list[SimulatedChange] = Field(default_factory=list, max_length=20)


class SimulatedClock(ResponseModel):
    """A clock as it would be."""

    kind: PolicyKind
    metric: Metric
    cycle: int = Field(ge=1)
    state: ClockState
    policy_id: SlaPolicyId
    policy_version: int = Field(ge=1)
    calendar_id: CalendarId
    target_seconds: int = Field(ge=0)
    started_at: Instant
    ended_at: Instant | None
    due_at: Instant | None
    is_breached: bool
    breached_at: Instant | None
    elapsed: ElapsedTime


class SlaSimulation(ResponseModel):
    """What the clocks would be after the last change. Nothing was written."""

    model_config = ConfigDict(title="SlaSimulation")

    as_of: Instant
    clocks: list[SimulatedClock] = Field(max_length=1_000)
