"""The words of forms."""

from enum import StrEnum


class FieldKind(StrEnum):
    """What a field takes."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    DATE = "date"
    USER = "user"
    YES_NO = "yes_no"
    FILE = "file"


class FormAudience(StrEnum):
    """Everybody who sees the ticket, or those alone who work on it."""

    EVERYBODY = "everybody"
    STAFF = "staff"
