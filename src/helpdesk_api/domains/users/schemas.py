"""Bodies of the user operations."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.ids import OrganizationId, UserId
from helpdesk_api.domains.users.models import UserKind
from helpdesk_api.web.schemas import (
    ExternalText,
    Flag,
    Instant,
    Name,
    OptionalText,
    Page,
    RequestModel,
    ResponseModel,
    absent,
)

EmailText = Annotated[
    str, StringConstraints(min_length=3, max_length=254, pattern=r"^[^\x00-\x20@]{1,64}@[^\x00-\x20@]{1,190}$")
]
ZoneText = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")]
LocaleText = Annotated[
    str, StringConstraints(min_length=2, max_length=35, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")
]
PhoneText = Annotated[str, StringConstraints(min_length=3, max_length=40, pattern=r"^[0-9+() ./x-]+$")]


class UserSummary(ResponseModel):
    """What everybody may see of somebody they have to do with."""

    id: UserId
    name: str = Field(max_length=120)


class UserCreate(RequestModel):
    """A person. They set a password by the invitation that is mailed to them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Mara Lindqvist", "email": "mara@example.com", "role": "requester"}]}
    )

    name: Name
    email: EmailText
    role: Role = Field(default=Role.REQUESTER, description="`requester` when left out.")
    department: OptionalText | None = None
    phone: PhoneText | None = None
    location: OptionalText | None = None
    manager_id: UserId | None = None
    time_zone: ZoneText = Field(default="UTC", description="IANA name; `UTC` when left out.")
    locale: LocaleText = Field(default="en", description="Language tag; `en` when left out.")
    organization_id: OrganizationId | None = None
    sees_organization: Flag = Field(default=False, description="May see colleagues' tickets; false when left out.")
    external_source: ExternalText | None = None
    external_id: ExternalText | None = None


class UserUpdate(RequestModel):
    """JSON merge patch (RFC 7396)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"department": "Finance"}]})

    name: Name = absent()
    email: EmailText = absent()
    role: Role = absent()
    department: OptionalText | None = absent()
    phone: PhoneText | None = absent()
    location: OptionalText | None = absent()
    manager_id: UserId | None = absent()
    time_zone: ZoneText = absent()
    locale: LocaleText = absent()
    organization_id: OrganizationId | None = absent()
    sees_organization: Flag = absent()
    external_source: ExternalText | None = absent()
    external_id: ExternalText | None = absent()


class UserRead(ResponseModel):
    """Somebody, in full."""

    model_config = ConfigDict(title="User", from_attributes=True)

    id: UserId
    kind: UserKind
    name: str = Field(max_length=120)
    email: str | None = Field(max_length=254, description="Null for service accounts.")
    role: Role
    is_active: bool
    department: str | None = Field(max_length=500)
    phone: str | None = Field(max_length=40)
    location: str | None = Field(max_length=500)
    manager_id: UserId | None
    time_zone: str = Field(max_length=64)
    locale: str = Field(max_length=35)
    organization_id: OrganizationId | None
    sees_organization: bool
    external_source: str | None = Field(max_length=120)
    external_id: str | None = Field(max_length=120)
    deactivated_at: Instant | None
    created_at: Instant
    updated_at: Instant


class UserPage(Page[UserRead]):
    """One page of users."""
