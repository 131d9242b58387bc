"""What tickets show of their service levels, which lie above them."""

from pydantic import Field

from helpdesk_api.database.ids import CalendarId, SlaClockId, SlaPolicyId, TicketId
from helpdesk_api.web.schemas import Instant, ResponseModel

_LONGEST = 10**12


class ElapsedTime(ResponseModel):
    """A stretch of time in the calendar's open hours, and by the wall clock; pauses are in neither."""

    working_seconds: float = Field(ge=-_LONGEST, le=_LONGEST)
    calendar_seconds: float = Field(ge=-_LONGEST, le=_LONGEST)


class ClockReading(ResponseModel):
    """A clock as it stands when it is read, wherever it is shown."""

    id: SlaClockId
    cycle: int = Field(ge=1)
    state: str = Field(max_length=32, description="A running clock that is late is `running` and `is_breached`.")
    policy_id: SlaPolicyId
    policy_version: int = Field(ge=1)
    calendar_id: CalendarId
    calendar_version: int = Field(ge=1, description="In force now, or when the clock ended.")
    target_seconds: int = Field(ge=0, description="Working time.")
    started_at: Instant
    ended_at: Instant | None
    due_at: Instant | None = Field(description="Null while it is paused, unless it was set by hand.")
    manual_due_at: Instant | None = Field(
        description="A deadline set by hand wins until it is removed; a pause does not move it."
    )
    paused_at: Instant | None
    is_paused: bool
    is_within_working_hours: bool = Field(description="Whether time counts at this instant.")
    is_breached: bool
    breached_at: Instant | None = Field(description="The true instant, also when a worker came late.")
    elapsed: ElapsedTime
    remaining: ElapsedTime = Field(description="Negative once it is late; by the wall clock, until the due time.")


class SlaLabel(ClockReading):
    """What a ticket shows of one of its clocks that still runs or rests: all that its list of clocks says of it, at
    this instant. Requesters see those of kind `sla`."""

    ticket_id: TicketId
    kind: str = Field(max_length=32)
    metric: str = Field(max_length=32)
