"""Pure rules of an article's life: one transition table, and who may do what in which status."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from helpdesk_api.domains.knowledge.enums import ArticleAction, ArticleRefusal, ArticleStatus

S, A = ArticleStatus, ArticleAction

# From each status, by which action, to which. What is not here cannot happen.
TRANSITIONS: Final[Mapping[ArticleStatus, Mapping[ArticleAction, ArticleStatus]]] = {
    S.DRAFT: {A.SUBMIT: S.IN_REVIEW, A.PUBLISH: S.PUBLISHED, A.ARCHIVE: S.ARCHIVED},
    S.IN_REVIEW: {A.APPROVE: S.PUBLISHED, A.REJECT: S.DRAFT, A.PUBLISH: S.PUBLISHED, A.ARCHIVE: S.ARCHIVED},
    S.PUBLISHED: {A.ARCHIVE: S.ARCHIVED},
    S.ARCHIVED: {A.RESTORE: S.DRAFT},
}
REQUIRED_FIELDS: Final[Mapping[ArticleAction, tuple[str, ...]]] = {A.REJECT: ("reason",)}
REVIEW_INTERVAL_DAYS: Final = 91
_BY_STATUS_CHANGE = frozenset(action for table in TRANSITIONS.values() for action in table)
_APPROVERS_ONLY = frozenset({A.APPROVE, A.REJECT, A.PUBLISH})
MAX_CATEGORY_DEPTH: Final = 8


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands to one article now. Approvers may edit, too."""

    status: ArticleStatus
    is_published: bool
    may_write: bool
    may_edit: bool
    may_approve: bool


def refusal(standing: Standing, action: ArticleAction) -> ArticleRefusal | None:
    """Why the caller may not do it now, or None. A right that will never come is named before a passing state."""
    if not standing.may_edit:
        return ArticleRefusal.NOT_PERMITTED
    if not standing.may_write:
        return ArticleRefusal.SCOPE_MISSING
    if action in _APPROVERS_ONLY and not standing.may_approve:
        return ArticleRefusal.APPROVAL_NEEDED
    if action in _BY_STATUS_CHANGE and action not in TRANSITIONS[standing.status]:
        return ArticleRefusal.WRONG_STATUS
    if action is A.UPDATE and standing.status is S.ARCHIVED:
        return ArticleRefusal.WRONG_STATUS
    if action is A.REVIEW and not standing.is_published:
        return ArticleRefusal.WRONG_STATUS
    return None


def path_up(parents: Mapping[UUID, UUID | None], category_id: UUID | None) -> list[UUID]:
    """The category and all above it, up to its root. The tree must have no cycle."""
    path: list[UUID] = []
    while category_id is not None:
        path.append(category_id)
        category_id = parents.get(category_id)
    return path


def height_of(parents: Mapping[UUID, UUID | None], category_id: UUID) -> int:
    """Levels of the category's subtree, itself included."""
    paths = (path_up(parents, other) for other in parents)
    return max(path.index(category_id) + 1 for path in paths if category_id in path)
