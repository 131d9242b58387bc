"""Which agreement holds for a ticket: pure, over policies as they are kept in memory."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from helpdesk_api.domains.categories.enums import Priority, TicketType
from helpdesk_api.domains.sla.clock_state import Agreement, Plan, Step
from helpdesk_api.domains.sla.enums import Metric, PolicyKind
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus

# Targets differ by these.
PRICED = frozenset({"priority", "type"})
_ALWAYS_READ = PRICED | {"status", "pending_reason"}


@dataclass(frozen=True, slots=True)
class Target:
    """So many seconds of working time for one priority, and for one type of ticket or for all."""

    metric: Metric
    priority: Priority
    type: TicketType | None
    seconds: int


@dataclass(frozen=True, slots=True)
class Pause:
    """In these statuses a metric rests; `pending_reasons` narrow `pending` down, None means whatever the reason."""

    statuses: frozenset[TicketStatus]
    pending_reasons: frozenset[PendingReason] | None = None

    def holds(self, status: TicketStatus, reason: PendingReason | None) -> bool:
        if status not in self.statuses:
            return False
        return status is not TicketStatus.PENDING or self.pending_reasons is None or reason in self.pending_reasons


@dataclass(frozen=True, slots=True)
class Definition:
    """What one version of a policy says. `fields` are those that its conditions read."""

    matches: Callable[[Any], bool]
    fields: frozenset[str]
    calendar_id: UUID
    targets: tuple[Target, ...]
    pauses: Mapping[Metric, Pause]
    steps: Mapping[Metric, tuple[Step, ...]]


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """A version that was published: in force from an instant until the next one's."""

    number: int
    effective_from: datetime
    definition: Definition


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy with all that was ever published of it, in the order of their instants."""

    id: UUID
    kind: PolicyKind
    team_id: UUID | None
    archived_at: datetime | None
    versions: tuple[PublishedVersion, ...]

    def in_force(self, at: datetime) -> PublishedVersion | None:
        if self.archived_at is not None and at >= self.archived_at:
            return None
        found = None
        for version in self.versions:
            if version.effective_from <= at:
                found = version
        return found


def choose(policies: Iterable[Policy], ticket: Any, at: datetime) -> dict[PolicyKind, tuple[Policy, PublishedVersion]]:
    """The first policy of each kind whose conditions hold, in the order given; an OLA is its team's alone."""
    found: dict[PolicyKind, tuple[Policy, PublishedVersion]] = {}
    for policy in policies:
        if policy.kind in found or (policy.kind is PolicyKind.OLA and policy.team_id != ticket.team_id):
            continue
        version = policy.in_force(at)
        if version is not None and version.definition.matches(ticket):
            found[policy.kind] = (policy, version)
    return found


def target(definition: Definition, metric: Metric, priority: Priority, kind: TicketType) -> timedelta | None:
    """The one for this type wins over the one for all types; None when nothing is promised."""
    found = None
    for one in definition.targets:
        if (one.metric, one.priority) == (metric, priority):
            if one.type is kind:
                return timedelta(seconds=one.seconds)
            if one.type is None:
                found = timedelta(seconds=one.seconds)
    return found


class Policies:
    """All policies in their order. `fields` are those whose change may move a clock, `facts` those that plans read."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.policies = tuple(policies)
        every = [(policy, version) for policy in policies for version in policy.versions]
        self._plans: dict[tuple[UUID, int, Priority, TicketType], Plan] = {}
        self._definitions = {(policy.id, version.number): version.definition for policy, version in every}
        read: frozenset[str] = frozenset().union(*(version.definition.fields for _, version in every))
        self.fields, self.facts = _ALWAYS_READ | read, PRICED | read
        metrics = {one.metric for _, version in every for one in version.definition.targets}
        if Metric.ASSIGNMENT in metrics:
            self.fields |= {"assignee_id"}
        if any(policy.kind is PolicyKind.OLA for policy in policies):
            self.fields |= {"team_id"}
            self.facts |= {"team_id"}

    def plan(self, ticket: Any, at: datetime) -> Plan:
        """What is promised for a ticket as it is, by kind and metric."""
        found: dict[tuple[PolicyKind, Metric], Agreement] = {}
        for kind, (policy, version) in choose(self.policies, ticket, at).items():
            found |= self._promised(kind, policy.id, version, ticket.priority, ticket.type)
        return found

    def _promised(
        self, kind: PolicyKind, policy_id: UUID, version: PublishedVersion, priority: Priority, type_: TicketType
    ) -> Plan:
        key = (policy_id, version.number, priority, type_)
        known = self._plans.get(key)
        if known is None:
            definition = version.definition
            known = self._plans[key] = {
                (kind, metric): self.agreement(
                    kind, metric, policy_id, version.number, definition.calendar_id, promised
                )
                for metric in dict.fromkeys(one.metric for one in definition.targets)
                if (promised := target(definition, metric, priority, type_)) is not None
            }
        return known

    def agreement(
        self, kind: PolicyKind, metric: Metric, policy_id: UUID, number: int, calendar_id: UUID, promised: timedelta
    ) -> Agreement:
        """As a clock takes it, with what its policy version says of steps and pauses."""
        definition = self.definition(policy_id, number)
        pause = definition.pauses.get(metric) if definition is not None else None
        return Agreement(
            kind=kind,
            metric=metric,
            policy_id=policy_id,
            policy_number=number,
            calendar_id=calendar_id,
            target=promised,
            steps=self.steps(policy_id, number, metric),
            is_paused=pause.holds if pause is not None else _never,
        )

    def definition(self, policy_id: UUID, number: int) -> Definition | None:
        return self._definitions.get((policy_id, number))

    def steps(self, policy_id: UUID, number: int, metric: Metric) -> tuple[Step, ...]:
        definition = self.definition(policy_id, number)
        return definition.steps.get(metric, ()) if definition is not None else ()


def _never(status: TicketStatus, reason: PendingReason | None) -> bool:
    del status, reason
    return False


def way_back(hand_overs: Mapping[UUID, Collection[UUID]], start: UUID, home: UUID) -> list[UUID] | None:
    """Teams over which a ticket comes from one to another by the escalations of their OLAs; None when it does not."""
    ways = {start: [start]}
    waiting = [start]
    for team in waiting:
        if team == home:
            return ways[team]
        for following in hand_overs.get(team, ()):
            if following not in ways:
                ways[following] = [*ways[team], following]
                waiting.append(following)
    return None
