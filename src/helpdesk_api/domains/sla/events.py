"""The facts of service levels: clocks, policies, calendars. Ids in `changes` and `details` are the public ones."""

from collections.abc import Mapping
from typing import ClassVar

from helpdesk_api.domains.sla.enums import ClockChange
from helpdesk_api.outbox.events import DomainEvent


class SlaEvent(DomainEvent):
    """About one clock. `details`: `sla_id`, kind, metric, cycle, policy and its version, calendar, target, due time,
    and for some the reason or the step; `occurred_at` is the true instant, also when a worker came late."""

    subject_type: ClassVar[str] = "sla"
    is_about_ticket: ClassVar[bool] = True


class SlaStarted(SlaEvent):
    """A clock runs for the ticket."""

    type = "sla.started"


class SlaPaused(SlaEvent):
    """The clock stands still, as while the ticket waits for its requester."""

    type = "sla.paused"


class SlaResumed(SlaEvent):
    """The clock runs again; its due time moved by the pause."""

    type = "sla.resumed"


class SlaWarned(SlaEvent):
    """The due time is near."""

    type = "sla.warned"


class SlaEscalated(SlaEvent):
    """`details.step` names the step of the policy's ladder."""

    type = "sla.escalated"


class SlaBreached(SlaEvent):
    """The due time has passed."""

    type = "sla.breached"


class SlaMet(SlaEvent):
    """What was promised was done in time."""

    type = "sla.met"


class SlaRecomputed(SlaEvent):
    """`details.reason` says why; `changes` hold what was promised before. `details.steps_told` are the steps, by their
    places in the version that holds, that were told by then."""

    type = "sla.recomputed"


class SlaCancelled(SlaEvent):
    """The clock ended without a judgement."""

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
    """Business hours were made."""

    type = "calendar.created"


class CalendarUpdated(CalendarEvent):
    """Its name or other fields changed; hours have versions."""

    type = "calendar.updated"


class CalendarArchived(CalendarEvent):
    """No new policy can count by it."""

    type = "calendar.archived"


class CalendarVersionAdded(CalendarEvent):
    """`internal_details` holds its number and the instant from which it is in force."""

    type = "calendar.version_added"


class CalendarVersionWithdrawn(CalendarEvent):
    """A version that was not in force yet was taken back."""

    type = "calendar.version_withdrawn"


class SlaPolicyEvent(DomainEvent):
    """About a policy; the staff's own business."""

    subject_type: ClassVar[str] = "sla_policy"


class SlaPolicyCreated(SlaPolicyEvent):
    """A policy was made; it promises nothing until it is published."""

    type = "sla_policy.created"


class SlaPolicyUpdated(SlaPolicyEvent):
    """Its name, its place, or its draft changed."""

    type = "sla_policy.updated"


class SlaPolicyPublished(SlaPolicyEvent):
    """`internal_details` holds the version's number and the instant from which it is in force."""

    type = "sla_policy.published"


class SlaPolicyVersionWithdrawn(SlaPolicyEvent):
    """A version that was not in force yet was taken back."""

    type = "sla_policy.version_withdrawn"


class SlaPolicyArchived(SlaPolicyEvent):
    """It promises nothing more; clocks that run follow the policy that holds instead, or are cancelled."""

    type = "sla_policy.archived"
