"""What a word is worth, and when two texts are held to be about the same thing."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

MAX_WORDS: Final = 20
# Words that nobody had used when they were last counted: typing errors, or the name of what has just broken.
MAX_UNKNOWN: Final = 8
_COMMON_SHARE: Final = 0.05
_FEW: Final = 5
_LEAST_TEXTS: Final = 100
# BM25's own, for a text in which each word counts once.
_K1, _B = 1.2, 0.75
# Less in common than this is chance.
MIN_SHARE: Final = 0.2
MIN_WORDS: Final = 2
# As much in common as two reports of one disturbance have.
ALIKE_SHARE, ALIKE_WORDS, ALIKE_SIMILARITY = 0.5, 3, 0.8
INCIDENT_TICKETS, INCIDENT_REQUESTERS = 5, 3


@dataclass(frozen=True, slots=True)
class AskedWord:
    """`seen_count` is in about how many texts it stands; null before anybody counted it."""

    word: str
    place: int
    seen_count: int | None
    is_stop_word: bool


def choose(found: Sequence[AskedWord]) -> dict[str, float]:
    """The words that tell a text from others, with their worth: rare ones above common ones."""
    texts = max([_LEAST_TEXTS, *(one.seen_count or 0 for one in found)])
    telling = sorted((one for one in found if not one.is_stop_word), key=lambda one: one.place)
    unknown = [one for one in telling if not one.seen_count][:MAX_UNKNOWN]
    known = sorted((one for one in telling if one.seen_count), key=lambda one: one.seen_count or 0)
    rare = [one for one in known if (one.seen_count or 0) <= texts * _COMMON_SHARE]
    if len(rare) + len(unknown) < _FEW:
        rare = known[:_FEW]
    kept = [*unknown, *rare[: MAX_WORDS - len(unknown)]]
    return {one.word: _worth(one.seen_count, texts) for one in kept}


def most_telling(found: Sequence[AskedWord], count: int) -> list[str]:
    """So many of the words that are none of grammar, however common, by their worth."""
    texts = max([_LEAST_TEXTS, *(one.seen_count or 0 for one in found)])
    telling = [one for one in found if not one.is_stop_word]
    telling.sort(key=lambda one: (-_worth(one.seen_count, texts), one.place))
    return [one.word for one in telling[:count]]


def _worth(seen_count: int | None, texts: int) -> float:
    # What stands in one text or none says little of another, so that missing it costs half.
    if not seen_count or seen_count == 1:
        return math.log1p(texts) / 2
    return math.log1p(texts / seen_count)


def share(words: Collection[str], worth: Mapping[str, float]) -> float:
    """How much of what a text says, by worth, another has: from 0 to 1."""
    total = sum(worth.values())
    return sum(worth[word] for word in words) / total if total else 0.0


def relevance(words: Collection[str], worth: Mapping[str, float], *, length: int, mean_length: float) -> float:
    """As BM25: a long text has much in common with everything."""
    long = 1 - _B + _B * length / max(mean_length, 1.0)
    return sum(worth[word] for word in words) * (_K1 + 1) / (1 + _K1 * long)


def says_enough(words: Collection[str], worth: Mapping[str, float]) -> bool:
    """Two words of some weight, or the one that was asked for."""
    return len(words) >= min(MIN_WORDS, len(worth)) and share(words, worth) >= MIN_SHARE


def is_alike(words: Collection[str], worth: Mapping[str, float], similarity: float | None) -> bool:
    """About the very same thing, by its words or by its meaning."""
    by_words = len(words) >= min(ALIKE_WORDS, len(worth)) and share(words, worth) >= ALIKE_SHARE
    return (bool(words) and by_words) or (similarity is not None and similarity >= ALIKE_SIMILARITY)


def busiest_span(times: Mapping[UUID, datetime], one: UUID, span: timedelta) -> list[UUID]:
    """Of the spans of this length that hold the one, the things in the one that holds most; in the order of time."""
    ordered = sorted(times, key=lambda id_: (times[id_], id_.int))
    best: list[UUID] = []
    for first in ordered:
        begin = times[first]
        if not begin <= times[one] <= begin + span:
            continue
        inside = [id_ for id_ in ordered if begin <= times[id_] <= begin + span]
        if len(inside) > len(best):
            best = inside
    return best
