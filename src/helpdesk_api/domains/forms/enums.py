"""The words of forms."""

from enum import StrEnum


class FieldKind(StrEnum):
    """What a field takes. An `asset` is known elsewhere, and only named here: by its id there and, after a space, words
    for who reads it.

    In conditions and queries `cf_` and a field's key ask for it, if any form has it for the caller. Every kind knows
    `eq`, `ne`, `in`, `nin`, `is_null`, with a value that it may hold. `gt`, `gte`, `lt` and `lte` go by number for a
    `number`, by day for a `date`, and by letter for one text; where forms differ, a value of another type is neither
    more nor less. A `multi_choice` and a `file` are asked for one of theirs, a `user` by id, as `me` or, in a query, by
    name, and neither by order nor by a part; `contains` also finds a part of a text. `cf_laptop.id` is an asset's id,
    whatever its case, and `cf_laptop.label` (with `contains`) the words after it.
    """

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
