"""Events as readers see them: closed shapes, and null where something is for the staff alone."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from helpdesk_api.database.ids import EventId, TicketId, UserId
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.web.schemas import CursorText, Instant, Page, ResponseModel

EventText = Annotated[str, Field(max_length=70_000)]
# JSON scalars, or a list of texts such as tags. Anything deeper has a resource of its own.
EventValue = EventText | int | bool | list[EventText] | None


class ActorKind(StrEnum):
    """Who did it: a person, a service account, or the product itself."""

    USER = "user"
    SERVICE = "service"
    SYSTEM = "system"


class EventActor(ResponseModel):
    """Who did it; `id` is null for the product itself."""

    id: UserId | None
    name: str = Field(max_length=120)
    kind: ActorKind


class EventSubject(ResponseModel):
    """What it happened to."""

    type: str = Field(max_length=64, pattern=r"^[a-z_]+$", examples=["ticket"])
    id: str = Field(
        max_length=40, pattern=r"^[a-z]{3}_[0-9a-f]{32}$", examples=["tkt_0190a6f3e1d87c3aa1b2c3d4e5f60718"]
    )


class EventChange(ResponseModel):
    """One field, before and after; ids are the public ones, instants RFC 3339."""

    field: str = Field(max_length=64, examples=["status"])
    before: EventValue = Field(examples=["open"])
    after: EventValue = Field(examples=["in_progress"])


class EventDetail(ResponseModel):
    """A fact about the event that is not a field's change."""

    name: str = Field(max_length=64, examples=["reference"])
    value: EventValue = Field(examples=["INC-1042"])


class EventCause(ResponseModel):
    """The event, and the rule if any, that made the product do this; `depth` counts the links of the chain."""

    event_id: EventId
    rule: str | None = Field(max_length=120)
    depth: int = Field(ge=1)


class Event(ResponseModel):
    """One committed fact."""

    id: EventId
    sequence: int | None = Field(
        ge=1,
        description="Its number in the log, which has no gaps; null for those who may not read everything, and until "
        "it has one.",
        examples=[20417],
    )
    type: str = Field(max_length=64, pattern=r"^[a-z_]+\.[a-z_]+$", examples=["ticket.resolved"])
    subject: EventSubject
    ticket_id: TicketId | None
    occurred_at: Instant
    actor: EventActor
    visibility: Visibility
    changes: list[EventChange]
    internal_changes: list[EventChange] | None = Field(description="Null for those who do not work on the ticket.")
    details: list[EventDetail]
    internal_details: list[EventDetail] | None = Field(description="Null for those who do not work on the ticket.")
    cause: EventCause | None = Field(description="Null when somebody just did it, and for those who may not know.")


class EventPage(Page[Event]):
    """One page of a ticket's history."""


class EventLog(ResponseModel):
    """A stretch of the log. Nothing up to `complete_through` will ever be added to what was given."""

    data: list[Event]
    next_cursor: CursorText | None = Field(
        description="Give it back as `after` at once: there is more.", examples=["Yx0Vb2kJ3hQ"]
    )
    complete_through: CursorText = Field(
        description="Keep it, and give it back as `after` later: what comes then is new.", examples=["Yx0Vb2kJ3hQ"]
    )
    end_of_stream: bool = Field(description="Whether this was all that there is for now; `wait` helps then.")
