"""Vectors as few bytes and fewer bits, how near they are, and how rankings are fused."""

import math
from array import array
from collections.abc import Hashable, Iterable, Sequence
from operator import mul
from typing import Final, TypeVar

T = TypeVar("T", bound=Hashable)
# Cormack, Clarke and Büttcher, SIGIR 2009: large enough that the first places do not decide everything.
_K: Final = 60
_LARGEST: Final = 127
_SIGN: Final = 128
_WITHOUT_SIGN: Final = bytes((value + _SIGN) % 256 for value in range(256))


def sign_code(values: Sequence[float]) -> str:
    """A bit for each value, as PostgreSQL writes them."""
    return "".join(["1" if value > 0 else "0" for value in values])


def pack(values: Sequence[float]) -> tuple[bytes, float]:
    """The values in a byte each, and the length of what they became: enough for cosines to the third place."""
    largest = max(map(abs, values), default=0.0) or 1.0
    packed = array("b", (round(value / largest * _LARGEST) for value in values))
    return packed.tobytes(), math.sqrt(sum(map(mul, packed, packed))) or 1.0


def unit(values: Sequence[float]) -> tuple[float, ...]:
    """In the same direction, of length 1."""
    length = math.sqrt(sum(map(mul, values, values))) or 1.0
    return tuple([value / length for value in values])


def cosines(asked: Sequence[float], packed: Iterable[tuple[bytes, float]]) -> list[float]:
    """Of a vector of length 1 and packed ones with their norms.

    By how far apart they are, which costs a fifth of their products: both are moved alike, so that bytes are read as
    they are, without a sign. What has no direction is like nothing.
    """
    if not any(asked):
        return [0.0 for _ in packed]
    moved = tuple([value + _SIGN for value in asked])
    found = []
    for values, norm in packed:
        if norm < _LARGEST:
            found.append(0.0)
            continue
        distance = math.dist(moved, tuple(values.translate(_WITHOUT_SIGN)))
        found.append(max(-1.0, min(1.0, (1 + norm * norm - distance * distance) / (2 * norm))))
    return found


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
