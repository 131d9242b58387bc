"""Facts about teams; for administrators' eyes."""

from typing import ClassVar

from helpdesk_api.outbox.events import DomainEvent


class TeamEvent(DomainEvent):
    subject_type: ClassVar[str] = "team"


class TeamCreated(TeamEvent):
    type = "team.created"


class TeamUpdated(TeamEvent):
    type = "team.updated"


class TeamArchived(TeamEvent):
    type = "team.archived"


class MemberAdded(TeamEvent):
    """`data.user_id`; also when only the lead changed."""

    type = "team.member_added"


class MemberRemoved(TeamEvent):
    type = "team.member_removed"
