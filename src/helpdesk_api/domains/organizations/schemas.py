"""Bodies of the organization operations."""

from pydantic import ConfigDict, Field

from helpdesk_api.database.ids import OrganizationId
from helpdesk_api.web.schemas import (
    ExternalText,
    Instant,
    Name,
    OptionalText,
    Page,
    RequestModel,
    ResponseModel,
    absent,
)


class OrganizationCreate(RequestModel):
    """A grouping of people whose tickets belong together."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Northwind Clinics"}]})

    name: Name
    description: OptionalText | None = None
    external_source: ExternalText | None = None
    external_id: ExternalText | None = None


class OrganizationUpdate(RequestModel):
    """JSON merge patch (RFC 7396)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "Four clinics, one contract."}]})

    name: Name = absent()
    description: OptionalText | None = absent()
    external_source: ExternalText | None = absent()
    external_id: ExternalText | None = absent()


class OrganizationRead(ResponseModel):
    """An organization."""

    model_config = ConfigDict(title="Organization", from_attributes=True)

    id: OrganizationId
    name: str = Field(max_length=120)
    description: str | None = Field(max_length=500)
    external_source: str | None = Field(max_length=120)
    external_id: str | None = Field(max_length=120)
    created_at: Instant
    updated_at: Instant


class OrganizationPage(Page[OrganizationRead]):
    """One page of organizations."""
