"""Bodies of the operations on alert integrations."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from helpdesk_api.conditions.tree import Condition, ConditionTree
from helpdesk_api.database.ids import AlertIntegrationId, CategoryId, TeamId, UserId
from helpdesk_api.domains.alerts.enums import AlertGrouping, AlertKind, ResolveEffect
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.web.schemas import (
    WHOLE_NUMBER,
    Flag,
    Instant,
    Name,
    Page,
    RequestModel,
    ResponseModel,
    Tag,
    absent,
)

MAX_RULES = 50
MAX_GRACE_SECONDS = 604_800
LabelName = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_.:/-]*$")]
Pointer = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^(/[^\x00/]{1,100}){1,10}$"), Field(examples=["/id"])
]
Word = Annotated[
    str, StringConstraints(min_length=1, max_length=50, pattern=r"^[^\x00]+$"), Field(examples=["recovered"])
]
Words = Annotated[list[Word], Field(min_length=1, max_length=20)]
SigningSecret = Annotated[
    str, StringConstraints(min_length=8, max_length=200, pattern=r"^[\x21-\x7e]+$"), Field(examples=["0f3a9c1e2b7d"])
]
FlapWindow = Annotated[int, Field(ge=0, le=604_800), WHOLE_NUMBER]
StormLimit = Annotated[int, Field(ge=1, le=10_000), WHOLE_NUMBER]
StormWindow = Annotated[int, Field(ge=10, le=3_600), WHOLE_NUMBER]
AssetLabels = Annotated[list[LabelName], Field(max_length=10)]


class AlertMapping(RequestModel):
    """Where a body of the kind `generic` holds what: JSON pointers (RFC 6901), from the alert's own root."""

    alerts: Pointer | None = Field(default=None, description="A list of alerts; the whole body is one when left out.")
    dedup_key: Pointer | None = Field(default=None, description="Each alert is a new one when left out.")
    summary: Pointer
    source: Pointer | None = None
    severity: Pointer | None = None
    state: Pointer | None = Field(default=None, description="Each body is a trigger when left out.")
    resolved_when: Words | None = Field(default=None, description="Values of `state` that end it, in any case.")
    acknowledged_when: Words | None = None
    started_at: Pointer | None = None
    labels: Pointer | None = Field(default=None, description="An object of texts, or of what can be shown as one.")


class AlertRule(RequestModel):
    """What an alert's ticket gets when the conditions are true of it."""

    conditions: ConditionTree = Field(
        description=(
            "Fields are `severity`, `summary`, `source`, and the alert's labels by name: in lower case, with `_` for "
            "all but letters and digits."
        )
    )
    category_id: CategoryId | None = None
    team_id: TeamId | None = None
    priority: Priority | None = None
    tags: Annotated[list[Tag], Field(max_length=10)] | None = None


AlertRules = Annotated[list[AlertRule], Field(max_length=MAX_RULES)]


class AlertIntegrationCreate(RequestModel):
    """One sender of alerts. Its key is in the answer, this once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Prometheus, Berlin",
                    "kind": "alertmanager",
                    "rules": [
                        {
                            "conditions": {"field": "severity", "op": "eq", "value": "critical"},
                            "priority": "critical",
                        }
                    ],
                    "asset_labels": ["instance"],
                    "on_resolve": "resolve",
                    "flap_window_seconds": 900,
                }
            ]
        }
    )

    name: Name
    kind: AlertKind
    team_id: TeamId | None = Field(default=None, description="Of its tickets; routing rules decide when left out.")
    category_id: CategoryId | None = Field(default=None, description="Of its tickets, unless a rule says another.")
    rules: AlertRules | None = Field(
        default=None, description="In order; for each field the first that fits and names it."
    )
    asset_labels: AssetLabels | None = Field(
        default=None,
        description="The first that an alert has is the ticket's affected service; `service`, `instance`, `host` when "
        "left out.",
    )
    mapping: AlertMapping | None = Field(default=None, description="For the kind `generic`, which needs it.")
    on_resolve: ResolveEffect = Field(default=ResolveEffect.NOTE, description="`note` when left out.")
    note_visibility: Visibility = Field(
        default=Visibility.INTERNAL, description="Of the notes on its tickets; `internal` when left out."
    )
    grouping: AlertGrouping = Field(
        default=AlertGrouping.ALERT, description="One ticket for each alert, or each group; `alert` when left out."
    )
    flap_window_seconds: FlapWindow = Field(
        default=900, description="How long after its end a new trigger reopens the same ticket; 900 when left out."
    )
    storm_limit: StormLimit | None = Field(
        default=50, description="New alerts in the window above which they share one incident; 50 when left out."
    )
    storm_window_seconds: StormWindow = Field(default=60, description="60 when left out.")
    storm_label: LabelName | None = Field(
        default=None, description="Count for each value of this label instead of for the whole integration."
    )
    confirms_subscriptions: Flag = Field(
        default=False, description="For `aws_sns`: confirm a topic's subscription; false when left out."
    )
    signing_secret: SigningSecret | None = Field(
        default=None, description="Bodies must be signed with it (HMAC-SHA256); never shown again."
    )


class AlertIntegrationUpdate(RequestModel):
    """JSON merge patch (RFC 7396); lists are replaced as a whole. The kind stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"on_resolve": "resolve", "storm_limit": 100}]})

    name: Name = absent()
    is_active: Flag = absent()
    team_id: TeamId | None = absent()
    category_id: CategoryId | None = absent()
    rules: AlertRules = absent()
    asset_labels: AssetLabels = absent()
    mapping: AlertMapping | None = absent()
    on_resolve: ResolveEffect = absent()
    note_visibility: Visibility = absent()
    grouping: AlertGrouping = absent()
    flap_window_seconds: FlapWindow = absent()
    storm_limit: StormLimit | None = absent()
    storm_window_seconds: StormWindow = absent()
    storm_label: LabelName | None = absent()
    confirms_subscriptions: Flag = absent()
    signing_secret: SigningSecret | None = absent()


class AlertKeyRotate(RequestModel):
    """A new routing key; the old one goes on for a while."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"grace_seconds": 86_400}]})

    grace_seconds: Annotated[int, Field(ge=0, le=MAX_GRACE_SECONDS), WHOLE_NUMBER] = Field(
        default=0, description="How long the old key is still taken; 0 when left out."
    )


class StoredAlertRule(ResponseModel):
    """What an alert's ticket gets when the conditions are true of it."""

    conditions: Condition
    category_id: CategoryId | None
    team_id: TeamId | None
    priority: Priority | None
    tags: Annotated[list[Tag], Field(max_length=10)] | None


class StoredAlertMapping(ResponseModel):
    """Where a body holds what: JSON pointers."""

    alerts: Pointer | None
    dedup_key: Pointer | None
    summary: Pointer
    source: Pointer | None
    severity: Pointer | None
    state: Pointer | None
    resolved_when: Words | None
    acknowledged_when: Words | None
    started_at: Pointer | None
    labels: Pointer | None


class AlertIntegrationRead(ResponseModel):
    """One sender of alerts, without its key."""

    model_config = ConfigDict(title="AlertIntegration", from_attributes=True)

    id: AlertIntegrationId
    name: str = Field(max_length=120)
    kind: AlertKind
    is_active: bool
    user_id: UserId = Field(description="The service account that its tickets belong to.")
    key_hint: str = Field(max_length=4, pattern=r"^[0-9a-f]{4}$", examples=["9f3a"], description="The key's end.")
    previous_key_expires_at: Instant | None = Field(description="Until then the key before is still taken.")
    is_signed: bool = Field(description="Bodies must be signed.")
    team_id: TeamId | None
    category_id: CategoryId | None
    rules: Annotated[list[StoredAlertRule], Field(max_length=MAX_RULES)]
    asset_labels: AssetLabels
    mapping: StoredAlertMapping | None
    on_resolve: ResolveEffect
    note_visibility: Visibility
    grouping: AlertGrouping
    flap_window_seconds: int = Field(ge=0, le=604_800)
    storm_limit: int | None = Field(ge=1, le=10_000)
    storm_window_seconds: int = Field(ge=10, le=3_600)
    storm_label: LabelName | None
    confirms_subscriptions: bool
    created_at: Instant
    updated_at: Instant


class AlertIntegrationCreated(AlertIntegrationRead):
    """The integration with its routing key, which is shown this once."""

    model_config = ConfigDict(title="AlertIntegrationCreated", from_attributes=True)

    routing_key: str = Field(
        min_length=32, max_length=32, pattern=r"^[0-9a-f]{32}$", examples=["0190a6f3e1d87c3aa1b2c3d4e5f60718"]
    )


class AlertIntegrationPage(Page[AlertIntegrationRead]):
    """Alert integrations, newest first."""
