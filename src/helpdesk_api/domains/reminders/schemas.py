"""Bodies of the reminder operations."""

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import ReminderId, TicketId, UserId
from helpdesk_api.web.schemas import Instant, OptionalText, Page, RequestInstant, RequestModel, ResponseModel, absent


class ReminderCreate(RequestModel):
    """For oneself or for somebody else who works on the ticket."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"remind_at": "2027-03-02T08:00:00Z", "note": "Did the supplier answer?"}]}
    )

    remind_at: RequestInstant = Field(description="Later than now; told within the minute.")
    note: OptionalText | None = None
    user_id: UserId | None = Field(default=None, description="Who is told; the caller when left out.")


class ReminderUpdate(RequestModel):
    """JSON merge patch (RFC 7396). A new instant tells it again, though it was told before."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"remind_at": "2027-03-03T08:00:00Z"}]})

    remind_at: RequestInstant = absent()
    note: OptionalText | None = absent()


class ReminderRead(ResponseModel):
    """Being told of a ticket at a set time."""

    model_config = ConfigDict(title="Reminder", from_attributes=True)

    id: ReminderId
    ticket_id: TicketId
    user_id: UserId
    created_by_id: UserId
    remind_at: Instant
    note: str | None = Field(max_length=500)
    reminded_at: Instant | None = Field(description="Null until it was told.")
    created_at: Instant


class ReminderPage(Page[ReminderRead]):
    """The caller's reminders, soonest first."""
