"""Reciprocal rank fusion of several rankings of the same things."""

from collections.abc import Hashable, Sequence
from typing import Final, TypeVar

T = TypeVar("T", bound=Hashable)
# Cormack, Clarke and Büttcher, SIGIR 2009: large enough that the first places do not decide everything.
_K: Final = 60


def fuse(rankings: Sequence[tuple[float, Sequence[T]]]) -> list[tuple[T, float]]:
    """Each with its score, the best first; a ranking comes with its weight. What leads every one of them has 1.

    Of equals, what an earlier ranking has first.
    """
    best = sum(weight for weight, ranked in rankings if ranked) / (_K + 1)
    scores: dict[T, float] = {}
    for weight, ranked in rankings:
        for place, one in enumerate(ranked, start=1):
            scores[one] = scores.get(one, 0.0) + weight / (_K + place)
    return sorted(((one, score / best) for one, score in scores.items()), key=lambda pair: -pair[1])
