"""What begins with what somebody typed, whatever the case."""

from typing import Any

from sqlalchemy import ColumnElement, func, literal
from sqlalchemy.orm import QueryableAttribute

_LIKE_SPECIAL = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})


def begins_with(column: QueryableAttribute[Any], typed: str) -> ColumnElement[bool]:
    """PostgreSQL makes both sides small: Python's own rule differs, for a dotted capital I and for a last sigma, and
    who has such a letter would not be found by their own name. An index of `lower(column)` answers it."""
    return func.lower(column).like(func.lower(literal(typed.strip().translate(_LIKE_SPECIAL) + "%")))
