"""A training in words, for the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from helpdesk_api.domains.classification.enums import TrainingOutcome
from helpdesk_api.domains.classification.models import ClassificationModel
from helpdesk_api.domains.classification.state import can_learn

_SAID: Final[Mapping[TrainingOutcome, str]] = {
    TrainingOutcome.ACTIVATED: "model {number} is in use; it learned from {trained_on} tickets.",
    TrainingOutcome.NOT_BETTER: "model {number} is not better than the one in use, which stays.",
    TrainingOutcome.NOTHING_TO_LEARN: "there are too few tickets of at least two values in any field; nothing changed.",
    TrainingOutcome.FAILED: "the training failed; nothing changed.",
}


def told(training: ClassificationModel | None) -> Iterator[str]:
    """What came of it, then a line for each field that was learned."""
    if training is None:
        yield (
            "Another training is under way."
            if can_learn()
            else "The extra `ai` is not installed: routing rules with keywords sort new tickets."
        )
        return
    said = _SAID[training.outcome].format(number=training.number, trained_on=training.trained_on)
    yield said[0].upper() + said[1:]
    if "problem" in training.measures:
        yield str(training.measures["problem"])
    for name, one in training.measures.get("fields", {}).items():
        yield f"{name}: {_field(one)}"


def _field(one: Mapping[str, Any]) -> str:
    if one["accuracy"] is None:
        return f"{one['values']} values learned, no ticket to measure them on"
    covered = f", {one['coverage']:.0%} sure enough to decide" if one["coverage"] is not None else ""
    error = one["calibration_error"]
    return f"{one['values']} values, {one['accuracy']:.1%} right{covered}, calibration error {error:.3f}"
