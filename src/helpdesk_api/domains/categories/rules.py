"""Pure rules of sorting: the priority matrix, and the shape of the category tree."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from helpdesk_api.domains.categories.enums import Impact, Priority, Urgency

Matrix = Mapping[Impact, Mapping[Urgency, Priority]]

# Deeper than people can find their way in, and a bound for every walk up the tree.
MAX_DEPTH: Final = 8

_C, _H, _M, _L = Priority.CRITICAL, Priority.HIGH, Priority.MEDIUM, Priority.LOW
DEFAULT_MATRIX: Final[Matrix] = {
    Impact.HIGH: {Urgency.HIGH: _C, Urgency.MEDIUM: _H, Urgency.LOW: _M},
    Impact.MEDIUM: {Urgency.HIGH: _H, Urgency.MEDIUM: _M, Urgency.LOW: _L},
    Impact.LOW: {Urgency.HIGH: _M, Urgency.MEDIUM: _L, Urgency.LOW: _L},
}


def priority_for(matrix: Matrix, impact: Impact, urgency: Urgency) -> Priority:
    return matrix[impact][urgency]


def matrix_from(stored: Mapping[str, Mapping[str, str]]) -> Matrix:
    """A matrix from its stored JSON; raises KeyError or ValueError when a cell is missing or unknown."""
    return {impact: {urgency: Priority(stored[impact][urgency]) for urgency in Urgency} for impact in Impact}


def makes_cycle(parents: Mapping[UUID, UUID | None], category_id: UUID, parent_id: UUID) -> bool:
    """Whether `category_id` would become its own ancestor below `parent_id`."""
    current: UUID | None = parent_id
    while current is not None:
        if current == category_id:
            return True
        current = parents.get(current)
    return False


def depth_of(parents: Mapping[UUID, UUID | None], category_id: UUID | None) -> int:
    """Levels from the root down to and including the category; 0 for none. The tree must have no cycle."""
    depth = 0
    while category_id is not None:
        depth += 1
        category_id = parents.get(category_id)
    return depth


def height_of(parents: Mapping[UUID, UUID | None], category_id: UUID) -> int:
    """Levels of the category's subtree, itself included."""
    own_depth = depth_of(parents, category_id)
    below = [depth_of(parents, other) for other in parents if _is_below(parents, other, category_id)]
    return max([own_depth, *below]) - own_depth + 1


def _is_below(parents: Mapping[UUID, UUID | None], category_id: UUID, ancestor_id: UUID) -> bool:
    return category_id != ancestor_id and makes_cycle(parents, ancestor_id, category_id)
