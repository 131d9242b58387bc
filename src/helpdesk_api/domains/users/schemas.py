"""STAND-IN by the lead (replace)."""

from pydantic import Field
from helpdesk_api.database.ids import UserId
from helpdesk_api.web.schemas import ResponseModel


class UserSummary(ResponseModel):
    id: UserId
    name: str = Field(max_length=120)
