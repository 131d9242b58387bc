"""Facts about teams; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class TeamEvent(DomainEvent):
    subject_type: ClassVar[str] = "team"


class TeamCreated(TeamEvent):
    """A team was made."""

    type = "team.created"


class TeamUpdated(TeamEvent):
    """Its name or other fields changed."""

    type = "team.updated"


class TeamArchived(TeamEvent):
    """It takes no tickets any more."""

    type = "team.archived"


class MemberAdded(TeamEvent):
    """`details.user_id`; also when only the lead changed."""

    type = "team.member_added"


class MemberRemoved(TeamEvent):
    """`details.user_id` is of the team no more, and sees its tickets no more."""

    type = "team.member_removed"
