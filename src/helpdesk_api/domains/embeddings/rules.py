"""Vectors as few bytes and fewer bits, how near they are, and how rankings are fused."""

import math
from array import array
from collections.abc import Hashable, Sequence
from operator import mul
from typing import Final, TypeVar

T = TypeVar("T", bound=Hashable)
# Cormack, Clarke and Büttcher, SIGIR 2009: large enough that the first places do not decide everything.
_K: Final = 60
_LARGEST: Final = 127


def sign_code(values: Sequence[float]) -> str:
    """A bit for each value, as PostgreSQL writes them."""
    return "".join("1" if value > 0 else "0" for value in values)


def pack(values: Sequence[float]) -> tuple[bytes, float]:
    """The values in a byte each, and the length of what they became: enough for cosines to the third place."""
    largest = max(map(abs, values), default=0.0) or 1.0
    packed = array("b", (round(value / largest * _LARGEST) for value in values))
    return packed.tobytes(), math.sqrt(sum(map(mul, packed, packed))) or 1.0


def unit(values: Sequence[float]) -> tuple[float, ...]:
    """In the same direction, of length 1."""
    length = math.sqrt(sum(map(mul, values, values))) or 1.0
    return tuple(value / length for value in values)


def cosine(asked: Sequence[float], packed: bytes, norm: float) -> float:
    """Of a vector of length 1 and a packed one."""
    product: float = sum(map(mul, asked, array("b", packed)))
    return max(-1.0, min(1.0, product / norm))


def fuse(rankings: Sequence[Sequence[tuple[T, float]]]) -> list[tuple[T, float]]:
    """Reciprocal rank fusion: each with its score, the best first; in a ranking each comes with its weight.

    What leads every one of them has 1. Of equals, what an earlier ranking has first.
    """
    best = sum(max(weight for _, weight in ranked) for ranked in rankings if ranked) / (_K + 1) or 1.0
    scores: dict[T, float] = {}
    for ranked in rankings:
        for place, (one, weight) in enumerate(ranked, start=1):
            scores[one] = scores.get(one, 0.0) + weight / (_K + place)
    return sorted(((one, min(1.0, score / best)) for one, score in scores.items()), key=lambda pair: -pair[1])
