"""The words by which a ticket is sorted, shared by every domain from here upwards."""

from enum import StrEnum


class Priority(StrEnum):
    """How soon a ticket is worked on; treat an unknown value as `medium`."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Impact(StrEnum):
    """How much of the business is affected."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Urgency(StrEnum):
    """How long the business can wait."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class TicketType(StrEnum):
    """What kind of work a ticket is; its reference starts with INC, REQ, PRB or CHG."""

    INCIDENT = "incident"
    SERVICE_REQUEST = "service_request"
    PROBLEM = "problem"
    CHANGE = "change"


class Channel(StrEnum):
    """How a ticket reached us; treat an unknown value as `api`."""

    PORTAL = "portal"
    EMAIL = "email"
    CHAT = "chat"
    PHONE = "phone"
    API = "api"
    MONITORING = "monitoring"
