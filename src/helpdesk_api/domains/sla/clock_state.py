"""A clock's state, what moves it and what comes of it: plain values, without a database."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from helpdesk_api.domains.sla.enums import ClockChange, ClockState, Metric, PolicyKind, Reason
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from helpdesk_api.domains.tickets.rules import ACTIVE_STATUSES

NONE = timedelta(0)
ONGOING = frozenset({ClockState.RUNNING, ClockState.PAUSED})
RESPONSES = (Metric.FIRST_RESPONSE, Metric.NEXT_RESPONSE)
BREACH = "breach"


class Hours(Protocol):
    """The part of a calendar's timeline that clocks need."""

    def between(self, start: datetime, end: datetime) -> timedelta: ...
    def add(self, start: datetime, amount: timedelta) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens when a share of the target, or the target and an offset, is used up. `key` is its place in
    its version, `does` a digest of its actions."""

    key: str
    percent: int | None = None
    offset: timedelta | None = None
    does: str = ""

    @property
    def what(self) -> str:
        """The same for the same step of another version or policy, wherever it stands there; no key looks like it."""
        kind, share = self.key.partition(":")[0], f"{self.percent}%"
        if self.percent is None:
            share = f"{(self.offset or NONE).total_seconds():+.0f}s"
        return f"{kind} {share} {self.does}".rstrip()

    def amount(self, target: timedelta) -> timedelta:
        """The working time used at which it happens; never before the clock's start."""
        if self.percent is not None:
            return target * self.percent / 100
        return max(NONE, target + (self.offset or NONE))


def carried(fired: Sequence[str], old: Iterable[Step], new: Iterable[Step]) -> list[str]:
    """What was told under one version, as another one's clock has it: by its place there, or by what it was, should it
    come back. A place that the old one does not have stays: earlier releases told apart by places alone."""
    what = {step.key: step.what for step in old}
    place = {step.what: step.key for step in new}
    return [place.get(one, one) for one in (what.get(entry, entry) for entry in fired)]


def places_told(fired: Iterable[str]) -> list[str]:
    """Those of the version that holds."""
    return [entry for entry in fired if ":" in entry]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a policy version promises for one metric of one ticket. With `keeps_places` a clock that takes it over knows
    the steps that were told by their places alone, as earlier releases did."""

    kind: PolicyKind
    metric: Metric
    policy_id: UUID
    policy_number: int
    calendar_id: UUID
    target: timedelta
    steps: tuple[Step, ...] = ()
    is_paused: Callable[[TicketStatus, PendingReason | None], bool] = field(default=lambda *_: False, compare=False)
    keeps_places: bool = False


Plan = Mapping[tuple[PolicyKind, Metric], Agreement]


@dataclass(frozen=True, slots=True)
class Situation:
    """A ticket as clocks see it, after a fact."""

    status: TicketStatus
    pending_reason: PendingReason | None
    team_id: UUID | None
    is_assigned: bool

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE_STATUSES

    @property
    def with_vendor(self) -> bool:
        return self.status is TicketStatus.PENDING and self.pending_reason is PendingReason.VENDOR


@dataclass(slots=True)
class Fact:
    """One thing that happened to a ticket; `before` is None for its opening. Nobody changes one: frozen, it would take
    three times as long to make, and a preview makes them by the hundred thousand."""

    at: datetime
    before: Situation | None
    after: Situation
    staff_replied: bool = False
    requester_replied: bool = False
    inside_reopen_window: bool = True


@dataclass(slots=True)
class DerivedClock:
    """A clock in memory."""

    kind: PolicyKind
    metric: Metric
    cycle: int
    policy_id: UUID
    policy_number: int
    calendar_id: UUID
    target: timedelta
    started_at: datetime
    counted_at: datetime
    state: ClockState = ClockState.RUNNING
    used: timedelta = NONE
    used_calendar: timedelta = NONE
    paused_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    manual_due_at: datetime | None = None
    breached_at: datetime | None = None
    fired: list[str] = field(default_factory=list)
    next_timer_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a clock; `at` is the true instant, which may lie before the fact that brought it to light, and
    `under` the policy, its version, calendar and target that held by then, where that may not be the clock's own."""

    kind: ClockChange
    clock: Any
    at: datetime
    reason: Reason | None = None
    before: Mapping[str, Any] = field(default_factory=dict)
    step: str | None = None
    under: tuple[UUID, int, UUID, timedelta] | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a clock's life, for the explanation; counted ones add up to the time used."""

    clock: Any
    start: datetime
    end: datetime
    counted: bool
    why: str
    calendar_id: UUID
    policy_id: UUID
    policy_number: int
