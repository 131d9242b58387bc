"""Bodies of the team operations."""

from pydantic import ConfigDict, Field

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.ids import TeamId, UserId
from helpdesk_api.domains.users.schemas import EmailText
from helpdesk_api.web.schemas import Flag, Instant, Name, OptionalText, Page, RequestModel, ResponseModel, absent


class TeamCreate(RequestModel):
    """Who works together."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Network", "auto_assign": True}]})

    name: Name
    description: OptionalText | None = None
    email: EmailText | None = None
    auto_assign: Flag = Field(
        default=True, description="Give new tickets to the least loaded free member; true when left out."
    )


class TeamUpdate(RequestModel):
    """JSON merge patch (RFC 7396)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"auto_assign": False}]})

    name: Name = absent()
    description: OptionalText | None = absent()
    email: EmailText | None = absent()
    auto_assign: Flag = absent()


class TeamRead(ResponseModel):
    """A team."""

    model_config = ConfigDict(title="Team", from_attributes=True)

    id: TeamId
    name: str = Field(max_length=120)
    description: str | None = Field(max_length=500)
    email: str | None = Field(max_length=254)
    auto_assign: bool
    archived_at: Instant | None
    created_at: Instant
    updated_at: Instant


class TeamPage(Page[TeamRead]):
    """One page of teams."""


class MemberPut(RequestModel):
    """How somebody belongs to a team."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"is_lead": False}]})

    is_lead: Flag = Field(default=False, description="False when left out.")


class MemberRead(ResponseModel):
    """Somebody of a team."""

    model_config = ConfigDict(title="TeamMember")

    user_id: UserId
    name: str = Field(max_length=120)
    role: Role
    is_lead: bool
    is_active: bool


class MemberPage(Page[MemberRead]):
    """Who is of a team, by name."""

    model_config = ConfigDict(title="TeamMemberPage")
