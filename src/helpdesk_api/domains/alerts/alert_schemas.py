"""Bodies of the intake's answers, and of the operations on alerts."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from helpdesk_api.database.ids import AlertId, AlertIntegrationId, CategoryId, TeamId, TicketId, UserId
from helpdesk_api.domains.alerts.enums import AlertAction, AlertOutcome, AlertSeverity, AlertState, DropReason
from helpdesk_api.domains.alerts.facts import (
    MAX_ALERTS,
    MAX_KEY,
    MAX_LABELS,
    MAX_NAME,
    MAX_SOURCE,
    MAX_SUMMARY,
    MAX_TEXT,
)
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.web.schemas import NO_NUL, Instant, Page, RequestModel, ResponseModel

Texts = Annotated[
    dict[Annotated[str, Field(max_length=MAX_NAME)], Annotated[str, Field(max_length=MAX_TEXT)]],
    Field(max_length=MAX_LABELS, examples=[{"alertname": "InstanceDown", "instance": "10.0.0.7:9100"}]),
]
HeaderName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9-]+$")]
HeaderValue = Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[\x20-\x7e]*$")]


class AlertResult(ResponseModel):
    """What became of one alert of the body."""

    dedup_key: str = Field(max_length=MAX_KEY)
    action: AlertAction
    outcome: AlertOutcome
    reason: DropReason | None = Field(description="Why nothing was done with it.")
    detail: str | None = Field(max_length=1_000)
    alert_id: AlertId | None
    count: int | None = Field(ge=1, description="How often it was triggered since it began.")
    ticket_id: TicketId | None
    ticket_reference: str | None = Field(max_length=40, examples=["INC-1042"])


class AlertIntake(ResponseModel):
    """Everything is stored when this is sent. The single fields are those of the only alert, else null."""

    status: Annotated[str, Field(max_length=20, examples=["accepted"])]
    dedup_key: str | None = Field(max_length=MAX_KEY)
    ticket_id: TicketId | None
    ticket_reference: str | None = Field(max_length=40, examples=["INC-1042"])
    alerts: list[AlertResult] = Field(max_length=MAX_ALERTS, description="In the order of the body.")


class AlertTest(RequestModel):
    """A body as the sender would post it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "body": '{"status": "firing", "alerts": [{"labels": {"alertname": "InstanceDown"}}]}',
                    "content_type": "application/json",
                }
            ]
        }
    )

    body: Annotated[str, StringConstraints(max_length=500_000, pattern=NO_NUL)]
    content_type: HeaderValue = Field(default="application/json", description="`application/json` when left out.")
    request_headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=30)] | None = Field(
        default=None, description="Those that the kind reads, such as `ce-type`."
    )


class AlertTestResult(ResponseModel):
    """What one alert of the body would do now, and the ticket that it would open or change."""

    dedup_key: str = Field(max_length=MAX_KEY)
    action: AlertAction
    outcome: AlertOutcome
    reason: DropReason | None
    detail: str | None = Field(max_length=1_000)
    summary: str = Field(max_length=MAX_SUMMARY)
    severity: AlertSeverity | None
    source: str | None = Field(max_length=MAX_SOURCE)
    labels: Texts
    started_at: Instant | None
    subject: str | None = Field(max_length=200)
    priority: Priority | None
    category_id: CategoryId | None
    team_id: TeamId | None
    assignee_id: UserId | None
    affected_service: str | None = Field(max_length=200)


class AlertTestResults(ResponseModel):
    """Nothing was stored."""

    alerts: list[AlertTestResult] = Field(max_length=MAX_ALERTS)


class AlertRead(ResponseModel):
    """One disturbance as a monitoring tool reports it."""

    model_config = ConfigDict(title="Alert", from_attributes=True)

    id: AlertId
    integration_id: AlertIntegrationId
    dedup_key: str = Field(max_length=MAX_KEY)
    state: AlertState
    severity: AlertSeverity | None
    summary: str = Field(max_length=MAX_SUMMARY)
    source: str | None = Field(max_length=MAX_SOURCE)
    labels: Texts
    annotations: Texts
    count: int = Field(ge=1, description="Triggers since it began.")
    ticket_id: TicketId | None
    in_storm: bool = Field(description="Listed on the incident of a storm, instead of having a ticket of its own.")
    started_at: Instant | None = Field(description="As the sender says.")
    first_seen_at: Instant
    last_seen_at: Instant
    acknowledged_at: Instant | None
    acknowledged_by: str | None = Field(max_length=MAX_SOURCE)
    resolved_at: Instant | None


class AlertPage(Page[AlertRead]):
    """Alerts, newest first."""


class PagerDutyAnswer(ResponseModel):
    """As PagerDuty's Events API v2 answers."""

    status: Annotated[str, Field(max_length=20, examples=["success"])]
    message: Annotated[str, Field(max_length=200, examples=["Event processed"])]
    dedup_key: str = Field(max_length=MAX_KEY)


class PagerDutyChangeAnswer(ResponseModel):
    """As PagerDuty's Events API v2 answers a change event."""

    status: Annotated[str, Field(max_length=20, pattern=NO_NUL, examples=["success"])]
    message: Annotated[str, Field(max_length=200, pattern=NO_NUL, examples=["Change event processed"])]


class PagerDutyRefusal(ResponseModel):
    """As PagerDuty's Events API v2 refuses."""

    status: Annotated[str, Field(max_length=40, examples=["invalid event"])]
    message: Annotated[str, Field(max_length=200, examples=["Event object is invalid"])]
    errors: list[Annotated[str, Field(max_length=500)]] = Field(max_length=20)


class OpsgenieAnswer(ResponseModel):
    """As Opsgenie's alert API answers; what was asked for is done."""

    result: Annotated[str, Field(max_length=50, examples=["Request will be processed"])]
    took: float = Field(ge=0)
    requestId: Annotated[str, Field(max_length=36, examples=["0190a6f3-e1d8-7c3a-a1b2-c3d4e5f60718"])]  # noqa: N815


class OpsgenieRefusal(ResponseModel):
    """As Opsgenie's alert API refuses."""

    message: Annotated[str, Field(max_length=500, examples=["Could not authenticate"])]
    took: float = Field(ge=0)
    requestId: Annotated[str, Field(max_length=36, examples=["0190a6f3-e1d8-7c3a-a1b2-c3d4e5f60718"])]  # noqa: N815


class OpsgenieRequest(ResponseModel):
    """What came of a request, in Opsgenie's words."""

    success: bool
    isSuccess: bool  # noqa: N815
    action: Annotated[str, Field(max_length=20, pattern=NO_NUL, examples=["Create"])]
    status: Annotated[str, Field(max_length=50, pattern=NO_NUL, examples=["Created alert"])]
    processedAt: Instant | None  # noqa: N815
    integrationId: AlertIntegrationId  # noqa: N815
    alertId: AlertId | None = Field(description="As `/v1/alerts` knows it; null when there is none.")  # noqa: N815
    alias: str | None = Field(max_length=MAX_KEY, pattern=NO_NUL)


class OpsgenieRequestAnswer(ResponseModel):
    """As Opsgenie's alert API answers who asks for a request."""

    data: OpsgenieRequest
    took: float = Field(ge=0)
    requestId: Annotated[str, Field(max_length=36, examples=["0190a6f3-e1d8-1c3a-a1b2-c3d4e5f60718"])]  # noqa: N815
