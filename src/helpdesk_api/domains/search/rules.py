"""Reciprocal rank fusion: scores of different kinds cannot be compared, places in a list can."""

from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")
# Cormack, Clarke and Büttcher, SIGIR 2009: large enough that the first places do not decide everything.
_K: Final = 60


def fuse(lists: Sequence[Sequence[T]]) -> list[tuple[float, T]]:
    """All of them with their scores, the best first; of equals, those of the earlier list."""
    scored = [
        (1 / (_K + place), position, item)
        for position, items in enumerate(lists)
        for place, item in enumerate(items, start=1)
    ]
    return [(score, item) for score, _, item in sorted(scored, key=lambda one: (-one[0], one[1]))]
