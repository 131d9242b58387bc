"""The words of classifying."""

from enum import StrEnum


class ClassifiedField(StrEnum):
    """What is guessed of a new ticket."""

    TYPE = "type"
    CATEGORY = "category"
    PRIORITY = "priority"
    TEAM = "team"


class ClassificationEngine(StrEnum):
    """What sorts new tickets besides what callers say; treat an unknown value as `keyword_rules`."""

    KEYWORD_RULES = "keyword_rules"
    MODEL = "model"


class EngineReason(StrEnum):
    """Why there are keyword rules only."""

    EXTRA_MISSING = "extra_missing"
    NOT_TRAINED = "not_trained"
    UNUSABLE_FILE = "unusable_file"
    NOT_LOADED = "not_loaded"


class TrainingOutcome(StrEnum):
    """What came of a training."""

    ACTIVATED = "activated"
    NOT_BETTER = "not_better"
    NOTHING_TO_LEARN = "nothing_to_learn"
    FAILED = "failed"


class GuessOutcome(StrEnum):
    """What became of a guess when the ticket was opened."""

    DECIDED = "decided"
    SUGGESTED = "suggested"
    AGREED = "agreed"
    OVERRULED = "overruled"
