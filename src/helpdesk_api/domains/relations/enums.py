"""The words between two tickets."""

from enum import StrEnum


class LinkKind(StrEnum):
    """What a ticket is to another, said from its own side; treat an unknown value as `relates_to`."""

    DUPLICATES = "duplicates"
    DUPLICATED_BY = "duplicated_by"
    BLOCKS = "blocks"
    BLOCKED_BY = "blocked_by"
    CAUSED_BY = "caused_by"
    CAUSES = "causes"
    RELATES_TO = "relates_to"
    PARENT_OF = "parent_of"
    CHILD_OF = "child_of"


class Relation(StrEnum):
    """The side from which a link is stored."""

    DUPLICATES = "duplicates"
    BLOCKS = "blocks"
    CAUSED_BY = "caused_by"
    RELATES_TO = "relates_to"
    PARENT_OF = "parent_of"
