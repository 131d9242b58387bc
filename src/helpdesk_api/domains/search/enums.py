"""What can be found."""

from enum import StrEnum


class SearchKind(StrEnum):
    """A kind of record that a search over everything finds; treat an unknown value as `other`."""

    TICKET = "ticket"
    ARTICLE = "article"
    USER = "user"
