"""The words of service levels."""

from enum import StrEnum


class Metric(StrEnum):
    """What is measured; each runs on its own clock."""

    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    UPDATE = "update"
    RESOLUTION = "resolution"
    ASSIGNMENT = "assignment"


class PolicyKind(StrEnum):
    """ITIL's three agreements: with the customer, between teams, and with a supplier."""

    SLA = "sla"
    OLA = "ola"
    UNDERPINNING_CONTRACT = "underpinning_contract"


class ClockState(StrEnum):
    """`breached` is where a clock that missed its target ends; one that still runs past it is late, and shown so."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"
    CANCELLED = "cancelled"


class ClockChange(StrEnum):
    """What happens to a clock; each is an event `sla.…` in the one log."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    WARNED = "warned"
    ESCALATED = "escalated"
    BREACHED = "breached"
    MET = "met"
    RECOMPUTED = "recomputed"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a clock began, was computed anew, or ended without an answer."""

    RETROACTIVE = "retroactive"
    REOPENED = "reopened"
    TICKET_CHANGED = "ticket_changed"
    POLICY_CHANGED = "policy_changed"
    CALENDAR_CHANGED = "calendar_changed"
    MANUAL_DEADLINE = "manual_deadline"
    MANUAL_DEADLINE_REMOVED = "manual_deadline_removed"
    TICKET_CANCELLED = "ticket_cancelled"
    TICKET_RESOLVED = "ticket_resolved"
    NO_POLICY = "no_policy"


class VersionState(StrEnum):
    """A draft binds nobody; what is published is kept for ever."""

    DRAFT = "draft"
    PUBLISHED = "published"
