"""The facts of service levels: clocks, policies, calendars. Ids in `changes` and `data` are the public ones."""

from collections.abc import Mapping
from typing import ClassVar

from helpdesk_api.domains.sla.enums import ClockChange
from helpdesk_api.outbox.events import DomainEvent


class SlaEvent(DomainEvent):
    """About one clock. `data`: `sla_id`, kind, metric, cycle, policy and its version, calendar, target, due time, and
    for some the reason or the step; `occurred_at` is the true instant, also when a worker came late."""

    subject_type: ClassVar[str] = "sla"


class SlaStarted(SlaEvent):
    type = "sla.started"


class SlaPaused(SlaEvent):
    type = "sla.paused"


class SlaResumed(SlaEvent):
    type = "sla.resumed"


class SlaWarned(SlaEvent):
    type = "sla.warned"


class SlaEscalated(SlaEvent):
    """`data.step` names the step of the policy's ladder."""

    type = "sla.escalated"


class SlaBreached(SlaEvent):
    type = "sla.breached"


class SlaMet(SlaEvent):
    type = "sla.met"


class SlaRecomputed(SlaEvent):
    """`data.reason` says why; `changes` hold what was promised before."""

    type = "sla.recomputed"


class SlaCancelled(SlaEvent):
    type = "sla.cancelled"


BY_CHANGE: Mapping[ClockChange, type[SlaEvent]] = {
    ClockChange.STARTED: SlaStarted,
    ClockChange.PAUSED: SlaPaused,
    ClockChange.RESUMED: SlaResumed,
    ClockChange.WARNED: SlaWarned,
    ClockChange.ESCALATED: SlaEscalated,
    ClockChange.BREACHED: SlaBreached,
    ClockChange.MET: SlaMet,
    ClockChange.RECOMPUTED: SlaRecomputed,
    ClockChange.CANCELLED: SlaCancelled,
}


class CalendarEvent(DomainEvent):
    """About a calendar; the staff's own business."""

    subject_type: ClassVar[str] = "calendar"


class CalendarCreated(CalendarEvent):
    type = "calendar.created"


class CalendarUpdated(CalendarEvent):
    type = "calendar.updated"


class CalendarArchived(CalendarEvent):
    type = "calendar.archived"


class CalendarVersionAdded(CalendarEvent):
    """`internal_data` holds its number and the instant from which it is in force."""

    type = "calendar.version_added"


class CalendarVersionWithdrawn(CalendarEvent):
    type = "calendar.version_withdrawn"


class SlaPolicyEvent(DomainEvent):
    """About a policy; the staff's own business."""

    subject_type: ClassVar[str] = "sla_policy"


class SlaPolicyCreated(SlaPolicyEvent):
    type = "sla_policy.created"


class SlaPolicyUpdated(SlaPolicyEvent):
    """Its name, its place, or its draft changed."""

    type = "sla_policy.updated"


class SlaPolicyPublished(SlaPolicyEvent):
    """`internal_data` holds the version's number and the instant from which it is in force."""

    type = "sla_policy.published"


class SlaPolicyVersionWithdrawn(SlaPolicyEvent):
    type = "sla_policy.version_withdrawn"


class SlaPolicyArchived(SlaPolicyEvent):
    type = "sla_policy.archived"
