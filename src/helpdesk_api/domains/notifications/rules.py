"""Who is told of a comment, and as what. Pure: who may read it is judged afterwards."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID

from helpdesk_api.domains.notifications.enums import MailTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """The people round one comment."""

    author_id: UUID
    requester_id: UUID
    assignee_id: UUID | None
    participants: AbstractSet[UUID]
    watchers: AbstractSet[UUID]
    mentioned: AbstractSet[UUID]


def told_of_comment(audience: Audience, *, is_public: bool, by_requester: bool) -> dict[UUID, MailTemplate]:
    """At most one mail per person: a mention says most, then one's own part in the ticket. Never to the author."""
    told: dict[UUID, MailTemplate] = {}
    if is_public:
        told |= dict.fromkeys(audience.watchers | audience.participants | {audience.requester_id}, MailTemplate.REPLIED)
        if by_requester and audience.assignee_id is not None:
            told[audience.assignee_id] = MailTemplate.REQUESTER_REPLIED
    told |= dict.fromkeys(audience.mentioned, MailTemplate.MENTIONED)
    told.pop(audience.author_id, None)
    return told
