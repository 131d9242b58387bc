"""How PostgreSQL writes the words of full text, and the months by which an index has them."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ARRAY, ColumnElement, DateTime, SQLColumnExpression, func, literal_column
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.sql.expression import Grouping

MONTHS: Final = ARRAY(DateTime())
# The month of what has no instant: whoever looks in some months looks in this one, too.
UNKNOWN_MONTH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a moment in UTC, as PostgreSQL's `timestamp` has it


def quoted(lexeme: str) -> str:
    """As it stands in the text of a tsvector or a tsquery."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def month_of(instant: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """Its first moment in UTC, without a zone, as an array of one, which is how PostgreSQL's GIN has it. Beside the
    words in their index, so that of a word that many texts have the newest are found without all others."""
    # As PostgreSQL writes it itself: indexes are compared by their text.
    in_utc = Grouping(instant.op("AT TIME ZONE")(literal_column("'UTC'")))
    month = func.date_trunc(literal_column("'month'"), in_utc)
    return array([func.coalesce(month, literal_column(f"'{UNKNOWN_MONTH}'::timestamp"))], type_=MONTHS)
