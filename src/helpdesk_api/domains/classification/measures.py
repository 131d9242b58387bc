"""How good predictions were, from counts alone. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

BUCKETS: Final = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """So many predictions of one value, with about one confidence, where the truth was another (or the same)."""

    predicted: str
    actual: str
    confidence: float
    count: int = 1

    @property
    def is_right(self) -> bool:
        return self.predicted == self.actual


@dataclass(frozen=True, slots=True)
class Measures:
    """`coverage` is the share of predictions at or above the threshold, `covered_accuracy` that of the right ones
    among these; null where there was nothing to measure."""

    count: int
    accuracy: float | None
    macro_f1: float | None
    calibration_error: float | None
    coverage: float | None
    covered_accuracy: float | None


def bucket_of(confidence: float) -> int:
    """Which tenth a confidence lies in; one tenth includes its upper end."""
    return min(max(-int(-confidence * BUCKETS // 1) - 1, 0), BUCKETS - 1)


def measure(outcomes: Iterable[Outcome], threshold: float | None) -> Measures:
    """Without a threshold nothing is covered."""
    found = list(outcomes)
    count = sum(one.count for one in found)
    if count == 0:
        return Measures(0, None, None, None, None, None)
    covered = [one for one in found if threshold is not None and one.confidence >= threshold]
    covered_count = sum(one.count for one in covered)
    return Measures(
        count=count,
        accuracy=_right(found) / count,
        macro_f1=macro_f1(found),
        calibration_error=calibration_error(found),
        coverage=covered_count / count,
        covered_accuracy=_right(covered) / covered_count if covered_count else None,
    )


def _right(outcomes: Sequence[Outcome]) -> int:
    return sum(one.count for one in outcomes if one.is_right)


def macro_f1(outcomes: Iterable[Outcome]) -> float:
    """The mean over all values that were predicted or true, however rare."""
    right: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    actual: Counter[str] = Counter()
    for one in outcomes:
        predicted[one.predicted] += one.count
        actual[one.actual] += one.count
        if one.is_right:
            right[one.predicted] += one.count
    values = predicted.keys() | actual.keys()
    return sum(2 * right[value] / (predicted[value] + actual[value]) for value in values) / len(values)


def calibration_error(outcomes: Iterable[Outcome]) -> float:
    """Expected calibration error in ten buckets of equal width: how far confidence and accuracy lie apart."""
    counts: dict[int, int] = defaultdict(int)
    sure: dict[int, float] = defaultdict(float)
    right: dict[int, int] = defaultdict(int)
    for one in outcomes:
        place = bucket_of(one.confidence)
        counts[place] += one.count
        sure[place] += one.confidence * one.count
        right[place] += one.count * one.is_right
    total = sum(counts.values())
    return sum(abs(sure[place] - right[place]) for place in counts) / total


def accuracy_at_coverage(outcomes: Iterable[Outcome], coverage: float) -> float:
    """Of the most confident part of the predictions."""
    ordered = sorted(outcomes, key=lambda one: -one.confidence)
    kept = ordered[: max(int(coverage * len(ordered)), 1)]
    return _right(kept) / sum(one.count for one in kept)


def drift(before: dict[str, float], now: dict[str, float]) -> float | None:
    """Total variation distance of two distributions: 0 the same, 1 nothing in common; null where one is empty."""
    if not before or not now:
        return None
    sums = sum(before.values()), sum(now.values())
    values = before.keys() | now.keys()
    return sum(abs(before.get(value, 0) / sums[0] - now.get(value, 0) / sums[1]) for value in values) / 2
