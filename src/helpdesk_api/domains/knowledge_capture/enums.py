"""How a ticket and an article belong together."""

from enum import StrEnum


class ArticleUse(StrEnum):
    """The article was drafted from the ticket, or it resolved it."""

    DRAFTED = "drafted"
    RESOLVED = "resolved"
