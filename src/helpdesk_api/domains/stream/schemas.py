"""What a stream says besides events, and the ticket that opens one."""

from typing import Literal

from pydantic import Field

from helpdesk_api.database.ids import EventId, TicketId
from helpdesk_api.domains.audit.following import Ending
from helpdesk_api.domains.authentication import stream_tickets
from helpdesk_api.web.schemas import CursorText, Instant, ResponseModel


class StreamTicketRead(ResponseModel):
    """Opens one stream, once. It ends with the credential that it was made with."""

    stream_ticket: str = Field(
        max_length=stream_tickets.LENGTH,
        pattern=stream_tickets.PATTERN,
        description="Give it as the parameter of the same name.",
        examples=["hst_3q2-7w_0190a6f3e1d87c3aa1b2c3d4e5f60718_8x9"],
    )
    expires_at: Instant


class ViewMembership(ResponseModel):
    """Sent before an event when a view is followed: whether the event's ticket is in the view now."""

    event_id: EventId
    ticket_id: TicketId | None
    in_view: bool


class StreamEnd(ResponseModel):
    """The last message of a stream that we end. `after` continues it, on any process."""

    reason: Ending = Field(description="`expired` and `rights_lost` need a new credential first; others just go on.")
    after: CursorText = Field(examples=["Yx0Vb2kJ3hQ"])
    resume: Literal["now", "after_sign_in"] = Field(examples=["now"])
