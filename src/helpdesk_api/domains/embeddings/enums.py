"""The words of meaning."""

from enum import StrEnum


class SearchEngine(StrEnum):
    """A way in which something was looked for; treat an unknown value as `full_text`."""

    FULL_TEXT = "full_text"
    EMBEDDINGS = "embeddings"


class EmbeddedKind(StrEnum):
    """What has a vector; treat an unknown value as `ticket`."""

    ARTICLE = "article"
    TICKET = "ticket"
