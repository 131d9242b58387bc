"""The matrix and the shape of the tree."""

from uuid import UUID

import pytest

from helpdesk_api.domains.categories.enums import Impact, Priority, Urgency
from helpdesk_api.domains.categories.rules import (
    DEFAULT_MATRIX,
    depth_of,
    height_of,
    makes_cycle,
    matrix_from,
    priority_for,
)

A, B, C, D = (UUID(int=n) for n in range(1, 5))
# A above B above C, and D alone.
PARENTS = {A: None, B: A, C: B, D: None}


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"),
    [
        ("high", "high", "critical"),
        ("high", "medium", "high"),
        ("medium", "high", "high"),
        ("high", "low", "medium"),
        ("medium", "medium", "medium"),
        ("low", "high", "medium"),
        ("medium", "low", "low"),
        ("low", "medium", "low"),
        ("low", "low", "low"),
    ],
)
def test_the_default_matrix(impact: str, urgency: str, priority: str) -> None:
    assert priority_for(DEFAULT_MATRIX, Impact(impact), Urgency(urgency)) is Priority(priority)


def test_a_stored_matrix_is_complete_or_refused() -> None:
    stored = {i.value: {u.value: p.value for u, p in row.items()} for i, row in DEFAULT_MATRIX.items()}
    assert matrix_from(stored) == DEFAULT_MATRIX
    del stored["low"]["low"]
    with pytest.raises(KeyError):
        matrix_from(stored)


def test_a_category_cannot_lie_below_itself() -> None:
    assert makes_cycle(PARENTS, A, C)
    assert makes_cycle(PARENTS, A, A)
    assert not makes_cycle(PARENTS, C, A)
    assert not makes_cycle(PARENTS, A, D)


def test_levels_are_counted_with_the_category_itself() -> None:
    assert [depth_of(PARENTS, one) for one in (None, A, C)] == [0, 1, 3]
    assert [height_of(PARENTS, one) for one in (A, B, C, D)] == [3, 2, 1, 1]
