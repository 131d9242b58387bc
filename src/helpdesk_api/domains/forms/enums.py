"""The words of forms."""

from enum import StrEnum


class FieldKind(StrEnum):
    """What a field takes. An `asset` is known elsewhere, and only named here: by its id there and, after a space, words
    for who reads it."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    DATE = "date"
    USER = "user"
    YES_NO = "yes_no"
    FILE = "file"
    ASSET = "asset"


class FormAudience(StrEnum):
    """Everybody who sees the ticket, or those alone who work on it."""

    EVERYBODY = "everybody"
    STAFF = "staff"
