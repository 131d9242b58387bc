"""The words of routing and assigning."""

from enum import StrEnum


class DecisionStep(StrEnum):
    """What was decided about a ticket."""

    TYPE = "type"
    CATEGORY = "category"
    PRIORITY = "priority"
    TEAM = "team"
    ASSIGNEE = "assignee"


class DecidedBy(StrEnum):
    """Who or what decided; treat an unknown value as `manual`."""

    EXPLICIT = "explicit"
    RULE = "rule"
    MATRIX = "matrix"
    MODEL = "model"
    CATEGORY_DEFAULT = "category_default"
    DEFAULT = "default"
    LEAST_LOADED = "least_loaded"
    NOBODY_AVAILABLE = "nobody_available"
    NEXT_FREE = "next_free"
    HANDOVER = "handover"
    ESCALATION = "escalation"
    MANUAL = "manual"


class AssignmentStrategy(StrEnum):
    """How to find the assignee: the free member of the team with the least open load, ties to the longest idle."""

    LEAST_LOADED = "least_loaded"


class Handover(StrEnum):
    """What to do with the open tickets of somebody who goes away."""

    NONE = "none"
    OFFER = "offer"
    PERFORM = "perform"
