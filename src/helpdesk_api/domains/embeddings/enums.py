"""The words of the ways to search."""

from enum import StrEnum


class SearchEngine(StrEnum):
    """A way in which something was looked for; treat an unknown value as `full_text`."""

    FULL_TEXT = "full_text"
    EMBEDDINGS = "embeddings"
