"""Bodies of presence."""

from pydantic import ConfigDict, Field

from helpdesk_api.domains.presence.enums import PresenceState
from helpdesk_api.domains.users.schemas import UserSummary
from helpdesk_api.web.schemas import Instant, Page, RequestModel, ResponseModel


class PresenceUpdate(RequestModel):
    """Said again before it expires, for as long as it is true."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"state": "replying"}]})

    state: PresenceState


class Presence(ResponseModel):
    """Somebody who is there."""

    user: UserSummary
    state: PresenceState
    since: Instant = Field(description="When they came; a change of state does not move it.")
    expires_at: Instant


class PresencePage(Page[Presence]):
    """Everybody who is there, the caller included; who came first is first. At most 50."""
