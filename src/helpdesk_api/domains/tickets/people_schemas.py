"""Bodies of who else is on a ticket."""

from pydantic import Field

from helpdesk_api.database.ids import UserId
from helpdesk_api.web.schemas import Instant, Page, ResponseModel


class Participant(ResponseModel):
    """Somebody added to a ticket."""

    user_id: UserId
    name: str = Field(max_length=120)
    added_at: Instant


class ParticipantPage(Page[Participant]):
    """Who was added to a ticket."""


class Watcher(ResponseModel):
    """Somebody who is told of news."""

    user_id: UserId
    name: str = Field(max_length=120)
    added_at: Instant


class WatcherPage(Page[Watcher]):
    """Who watches a ticket; staff only."""
