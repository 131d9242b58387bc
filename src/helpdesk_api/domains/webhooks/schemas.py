"""Bodies of the webhook operations."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from helpdesk_api.conditions.tree import Condition, ConditionTree
from helpdesk_api.database.ids import DeliveryId, EventId, TicketId, UserId, WebhookId
from helpdesk_api.domains.audit.schemas import EventSubject
from helpdesk_api.domains.webhooks.enums import (
    CircuitState,
    ListedDeliveryState,
    WebhookAction,
    WebhookDisabledReason,
    WebhookPayload,
    WebhookRefusal,
)
from helpdesk_api.web.schemas import (
    NO_NUL,
    Flag,
    Instant,
    OptionalText,
    Page,
    RequestInstant,
    RequestModel,
    ResponseModel,
    absent,
)

MAX_URL = 2_000
WebhookUrl = Annotated[
    str,
    StringConstraints(min_length=9, max_length=MAX_URL, pattern=r"^https?://[\x21-\x7e]{1,1992}$"),
    Field(json_schema_extra={"format": "uri"}, examples=["https://hooks.example.com/helpdesk"]),
]
EventTypeName = Annotated[
    str, StringConstraints(max_length=64, pattern=r"^[a-z_]+\.[a-z_]+$"), Field(examples=["ticket.resolved"])
]
EventTypeNames = Annotated[list[EventTypeName], Field(max_length=100)]
_TYPES = "Only these types of events; empty for all."
_CONDITIONS = (
    "Only events of tickets for which these hold when the event enters the log; null for all. Fields are those of "
    "routing rules."
)
_ORDERED = (
    "True posts one after the other, and what fails holds up the rest until it is taken or dead; false posts several "
    "at once."
)
_PAYLOAD = "`full` posts the event as `GET /v1/events/{event_id}` shows it to the owner; `thin` only names it."


class WebhookCreate(RequestModel):
    """An address, and what is posted to it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://hooks.example.com/helpdesk",
                    "description": "Resolved tickets for the data warehouse",
                    "event_types": ["ticket.created", "ticket.resolved"],
                    "conditions": {"field": "priority", "op": "in", "value": ["high", "critical"]},
                    "payload": "full",
                    "is_ordered": True,
                }
            ]
        }
    )

    url: WebhookUrl
    description: OptionalText = ""
    event_types: EventTypeNames = Field(default_factory=list, description=_TYPES)
    conditions: ConditionTree | None = Field(default=None, description=_CONDITIONS)
    payload: WebhookPayload = Field(default=WebhookPayload.FULL, description=_PAYLOAD)
    is_ordered: Flag = Field(default=False, description=_ORDERED)
    is_active: Flag = True


class WebhookUpdate(RequestModel):
    """JSON merge patch (RFC 7396). Another address, and switching it on, also close an open circuit."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"is_active": False}]})

    url: WebhookUrl = absent()
    description: OptionalText = absent()
    event_types: EventTypeNames = absent()
    conditions: ConditionTree | None = absent()
    payload: WebhookPayload = absent()
    is_ordered: Flag = absent()
    is_active: Flag = absent()


class WebhookAllowedAction(ResponseModel):
    """One thing that the caller may or may not do with a webhook now, and why not."""

    action: WebhookAction
    allowed: bool
    reason_code: WebhookRefusal | None = Field(description="Null when it is allowed.")
    required_fields: list[str] = Field(max_length=10, description="What its body must hold.")


class WebhookRead(ResponseModel):
    """Where events are posted, which, and how the receiver fares."""

    model_config = ConfigDict(title="Webhook", from_attributes=True)

    id: WebhookId
    owner_id: UserId = Field(description="Nothing is posted that this person may not read at that moment.")
    url: str = Field(max_length=MAX_URL, pattern=NO_NUL, examples=["https://hooks.example.com/helpdesk"])
    description: str = Field(max_length=500)
    event_types: EventTypeNames = Field(description=_TYPES)
    conditions: Condition | None = Field(description=_CONDITIONS)
    payload: WebhookPayload = Field(description=_PAYLOAD)
    is_ordered: bool = Field(description=_ORDERED)
    is_active: bool = Field(description="While it is false no event is taken up, and what waits goes on waiting.")
    disabled_reason: WebhookDisabledReason | None = Field(
        description="Why the product has switched it off; null when a person did."
    )
    circuit: CircuitState
    circuit_opened_at: Instant | None
    previous_secret_expires_at: Instant | None = Field(
        description="Until then each delivery carries a second signature, by the secret before the last rotation."
    )
    created_at: Instant
    updated_at: Instant
    allowed_actions: list[WebhookAllowedAction] = Field(max_length=10)


SecretText = Annotated[str, Field(max_length=60, pattern=r"^whsec_[A-Za-z0-9+/]{43}=$")]


class WebhookCreated(WebhookRead):
    """The webhook with its secret, which is shown this once."""

    model_config = ConfigDict(title="WebhookCreated", from_attributes=True)

    secret: SecretText = Field(
        description="Standard Webhooks: the base64 after `whsec_` is the key of HMAC-SHA256.",
        examples=["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="],
    )


class WebhookPage(Page[WebhookRead]):
    """Webhooks, the newest first."""


class ThinEvent(ResponseModel):
    """The body of a thin delivery: what happened to what, and where to read the rest."""

    id: EventId
    type: str = Field(max_length=64, pattern=r"^[a-z_]+\.[a-z_]+$", examples=["ticket.resolved"])
    subject: EventSubject
    ticket_id: TicketId | None
    occurred_at: Instant
    url: str = Field(max_length=MAX_URL, pattern=NO_NUL)


class WebhookAttemptRead(ResponseModel):
    """One call of the receiver."""

    model_config = ConfigDict(title="WebhookAttempt", from_attributes=True)

    number: int = Field(ge=1)
    started_at: Instant
    duration_ms: int = Field(ge=0)
    status: int | None = Field(ge=100, le=999, description="Null when nothing was answered.")
    error: str | None = Field(max_length=500, description="Null when it was taken.")
    answer_head: str | None = Field(max_length=4_096, description="At most the first 4,096 bytes, as text.")


class WebhookDeliveryRead(ResponseModel):
    """One event for one webhook."""

    model_config = ConfigDict(title="WebhookDelivery", from_attributes=True)

    id: DeliveryId = Field(description="The `webhook-id` of every attempt.")
    number: int | None = Field(ge=1, description="Contiguous for each webhook; null for requesters.")
    event_id: EventId
    event_type: EventTypeName
    is_test: bool
    state: ListedDeliveryState
    attempt_count: int = Field(ge=0)
    next_attempt_at: Instant | None = Field(description="While one is under way, when it counts as lost.")
    last_status: int | None = Field(ge=100, le=999)
    last_error: str | None = Field(max_length=500)
    created_at: Instant
    delivered_at: Instant | None
    attempts: Annotated[list[WebhookAttemptRead], Field(max_length=20)] = Field(
        description="The latest 20, in their order."
    )


class WebhookDeliveryPage(Page[WebhookDeliveryRead]):
    """Deliveries of a webhook, the latest first."""


class WebhookReplay(RequestModel):
    """A stretch of the log, by when the events were recorded: `from` is inside, `to` is not."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"from": "2026-03-02T08:00:00Z", "to": "2026-03-02T12:00:00Z"}]}
    )

    from_: RequestInstant = Field(alias="from")
    to: RequestInstant


class WebhookReplayResult(ResponseModel):
    """What is posted again: deliveries that were there keep their ids, the others are new."""

    queued: int = Field(ge=0, le=10_000)
