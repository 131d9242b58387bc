"""What tickets show of their service levels, which lie above them."""

from pydantic import Field

from helpdesk_api.database.ids import CalendarId, SlaClockId, SlaPolicyId, TicketId
from helpdesk_api.web.schemas import Instant, ResponseModel

_LONGEST = 10**12


class SlaLabelElapsed(ResponseModel):
    """Time used up to `counted_at`, in the calendar's open hours and by the wall clock; pauses are in neither."""

    working_seconds: float = Field(ge=0, le=_LONGEST)
    calendar_seconds: float = Field(ge=0, le=_LONGEST)


class SlaLabel(ResponseModel):
    """What a ticket shows of one of its clocks that still runs; requesters see those of kind `sla`.

    It moves with what happens to the clock, and not with each second: what remains is, by the wall clock, the time
    until `due_at`, and was `target_seconds` without `elapsed` in working time at `counted_at`.
    """

    id: SlaClockId
    ticket_id: TicketId
    kind: str = Field(max_length=32)
    metric: str = Field(max_length=32)
    cycle: int = Field(ge=1)
    state: str = Field(max_length=32)
    is_breached: bool
    breached_at: Instant | None
    target_seconds: int = Field(ge=0, description="Working time.")
    started_at: Instant
    due_at: Instant | None = Field(description="Null while it is paused, unless it was set by hand.")
    manual_due_at: Instant | None = Field(description="A deadline set by hand wins until it is removed.")
    paused_at: Instant | None
    policy_id: SlaPolicyId
    policy_version: int = Field(ge=1)
    calendar_id: CalendarId
    counted_at: Instant = Field(description="Since then a running clock has run, and one that is paused has not.")
    elapsed: SlaLabelElapsed
