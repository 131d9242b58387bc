"""Bodies of the category and matrix operations."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from helpdesk_api.database.ids import CategoryId, FormId, TeamId, UserId
from helpdesk_api.domains.categories.enums import Priority
from helpdesk_api.web.schemas import (
    WHOLE_NUMBER,
    Instant,
    Name,
    OptionalText,
    Page,
    RequestModel,
    ResponseModel,
    absent,
)

Position = Annotated[
    int,
    Field(ge=0, le=10_000, description="Order among its siblings; equal ones go by name."),
    WHOLE_NUMBER,
]


class CategoryCreate(RequestModel):
    """A place in the tree; without a parent it is a root."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "VPN",
                    "description": "Remote access",
                    "default_priority": "medium",
                }
            ]
        }
    )

    name: Name
    description: OptionalText | None = None
    parent_id: CategoryId | None = None
    owner_id: UserId | None = Field(default=None, description="Who answers for it.")
    team_id: TeamId | None = Field(
        default=None,
        description="Gets its new tickets unless a routing rule says otherwise.",
    )
    default_priority: Priority | None = Field(
        default=None, description="Of new tickets that name no impact and urgency."
    )
    default_form_id: FormId | None = Field(
        default=None, description="What its tickets ask for; the form of the category above it when left out."
    )
    incident_form_id: FormId | None = Field(default=None, description="Of its incidents, instead of the default one.")
    service_request_form_id: FormId | None = Field(default=None, description="Of its service requests, likewise.")
    problem_form_id: FormId | None = Field(default=None, description="Of its problems, likewise.")
    change_form_id: FormId | None = Field(default=None, description="Of its changes, likewise.")
    position: Position = Field(default=0, description="Order among its siblings; 0 when left out.")


class CategoryUpdate(RequestModel):
    """JSON merge patch (RFC 7396): a missing field stays, null clears."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "VPN and remote access"}]})

    name: Name = absent()
    description: OptionalText | None = absent()
    parent_id: CategoryId | None = absent()
    owner_id: UserId | None = absent()
    team_id: TeamId | None = absent()
    default_priority: Priority | None = absent()
    default_form_id: FormId | None = absent()
    incident_form_id: FormId | None = absent()
    service_request_form_id: FormId | None = absent()
    problem_form_id: FormId | None = absent()
    change_form_id: FormId | None = absent()
    position: Position = absent()


class CategoryRead(ResponseModel):
    """A category; a retired one is kept by the tickets that have it and refused for new ones."""

    model_config = ConfigDict(title="Category")

    id: CategoryId
    name: str = Field(max_length=120)
    description: str | None = Field(max_length=500)
    parent_id: CategoryId | None
    owner_id: UserId | None
    team_id: TeamId | None
    default_priority: Priority | None
    default_form_id: FormId | None
    incident_form_id: FormId | None
    service_request_form_id: FormId | None
    problem_form_id: FormId | None
    change_form_id: FormId | None
    position: int = Field(ge=0, le=10_000)
    retired_at: Instant | None
    created_at: Instant
    updated_at: Instant
    version: int = Field(ge=1)


class CategoryPage(Page[CategoryRead]):
    """One page of the tree, by position and name."""

    model_config = ConfigDict(title="CategoryPage")


class PriorityByUrgency(ResponseModel):
    """One row of the matrix: the priority for each urgency."""

    model_config = ConfigDict(title="PriorityByUrgency", extra="forbid")

    high: Priority
    medium: Priority
    low: Priority


class PriorityByImpact(ResponseModel):
    """The whole matrix: impact, then urgency, then the priority."""

    model_config = ConfigDict(title="PriorityByImpact", extra="forbid")

    high: PriorityByUrgency
    medium: PriorityByUrgency
    low: PriorityByUrgency


_DEFAULT_EXAMPLE: dict[str, JsonValue] = {
    "by_impact": {
        "high": {"high": "critical", "medium": "high", "low": "medium"},
        "medium": {"high": "high", "medium": "medium", "low": "low"},
        "low": {"high": "medium", "medium": "low", "low": "low"},
    }
}


class PriorityMatrixUpdate(RequestModel):
    """The whole matrix; it always has all nine cells."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DEFAULT_EXAMPLE]})

    by_impact: PriorityByImpact


class PriorityMatrixRead(ResponseModel):
    """The matrix in force."""

    model_config = ConfigDict(title="PriorityMatrix")

    by_impact: PriorityByImpact
    version: int = Field(ge=1)
    updated_at: Instant | None = Field(description="Null while it is the default one.")
