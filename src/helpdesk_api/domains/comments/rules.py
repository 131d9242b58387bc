"""What may be done with a comment, by whom and how long: pure."""

from dataclasses import dataclass
from typing import Any

from helpdesk_api.domains.comments.enums import CommentAction, CommentRefusal


@dataclass(frozen=True, slots=True)
class CommentStanding:
    """How a caller stands to one comment that they can read."""

    may_write: bool
    works_on_ticket: bool
    is_author: bool
    is_internal: bool
    inside_edit_window: bool
    is_merged: bool
    """Whether it is read where it was said, of a ticket that goes on in another."""


def refusal(standing: CommentStanding, action: CommentAction) -> CommentRefusal | None:
    """Why the caller may not do it now, or None. A right that will never come is named before a passing state."""
    if not standing.may_write:
        return CommentRefusal.SCOPE_MISSING
    if action is CommentAction.SPLIT:
        if not standing.works_on_ticket:
            return CommentRefusal.NOT_PERMITTED
        return CommentRefusal.MERGED if standing.is_merged else None
    if not standing.is_author:
        return CommentRefusal.NOT_THE_AUTHOR
    if standing.is_merged:
        return CommentRefusal.MERGED
    return None if standing.inside_edit_window else CommentRefusal.EDIT_WINDOW_PASSED


def allowed_actions(standing: CommentStanding) -> list[dict[str, Any]]:
    """As an answer shows them. What is said inside does not leave by itself: a split of it needs other words."""
    needs = {CommentAction.EDIT: ["body"], CommentAction.SPLIT: ["description"] if standing.is_internal else []}
    return [
        {
            "action": action,
            "allowed": (reason := refusal(standing, action)) is None,
            "reason_code": reason,
            "required_fields": needs[action],
        }
        for action in CommentAction
    ]
