"""How PostgreSQL writes the words of full text, and the weeks by which an index has them."""

import re
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    Integer,
    SQLColumnExpression,
    Text,
    cast,
    func,
    literal,
    literal_column,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.sql.expression import Grouping

# Between words: what is no letter, digit or quotation mark.
_BETWEEN: Final = re.compile(r"(?:[^\w\"]|_)+")
WEEKS: Final = ARRAY(Integer)
# The week of what has no instant: whoever looks in some weeks looks in this one, too.
UNKNOWN_WEEK: Final = 0
# Of so many weeks an index has one entry besides: to look in a year, week by week, would take fifty.
LONG: Final = 8
# Beyond the number of any week.
_FIRST_LONG: Final = 1_000_000
_FIRST_DAY: Final = date(1970, 1, 1)


# Behind each of these PostgreSQL's parser looks for a tag, a path or an address, to the end of what has no blank: of
# thousands in a row that takes minutes. As words between blanks they are found, too.
_LOOKED_BEHIND: Final = "<~_/"
_BLANKS: Final = " " * len(_LOOKED_BEHIND)
# Nobody types them: for what is shown again.
_STAND_INS: Final = "\x04\x05\x06\x07"
# In SQL, of a text in SQL: as the columns are computed, and what is looked for is read.
PARSED: Final = f"translate({{}}, '{_LOOKED_BEHIND}', '{_BLANKS}')"


def parsed(text: Any) -> ColumnElement[str]:
    """What PostgreSQL's parser may be given of a text, however somebody wrote it."""
    return func.translate(text, literal_column(f"'{_LOOKED_BEHIND}'", Text), literal_column(f"'{_BLANKS}'", Text))


def headline(configuration: Any, text: Any, asked: Any, options: Any) -> ColumnElement[str]:
    """PostgreSQL's, of a text as it is; without its control characters from 2 to 7, among which the marks may be."""
    shown, hidden = literal(_LOOKED_BEHIND, Text), literal(_STAND_INS, Text)
    plain = func.translate(text, literal(f"\x02\x03{_STAND_INS}", Text), literal("", Text))
    marked = func.ts_headline(configuration, func.translate(plain, shown, hidden), asked, options)
    return func.translate(marked, hidden, shown)


def quoted(lexeme: str) -> str:
    """As it stands in the text of a tsvector or a tsquery."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def readable(text: str) -> str:
    """As `websearch_to_tsquery` reads any text. Several dashes before a word are a rule and no negation: PostgreSQL
    would negate as often, and fails beyond thirty."""
    return _BETWEEN.sub(lambda found: " " if found[0].count("-") > 1 else found[0], text)


def week_number(instant: datetime) -> int:
    """Since 1970, by days in UTC."""
    return (instant.astimezone(UTC).date() - _FIRST_DAY).days // 7


def entries_of(weeks: range) -> list[int]:
    """Of these weeks, by the fewest entries that an index has of them."""
    found: list[int] = []
    number = weeks.start
    while number < weeks.stop:
        is_long = number % LONG == 0 and number + LONG <= weeks.stop
        found.append(_FIRST_LONG + number // LONG if is_long else number)
        number += LONG if is_long else 1
    return found


def week_of(instant: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """Its number, and that of the `LONG` weeks that it is one of, as the array that PostgreSQL's GIN has entries of.
    Beside the words in their index, so that of a word that many texts have the newest are found without all others."""
    # As PostgreSQL writes it itself: indexes are compared by their text.
    day = cast(Grouping(instant.op("AT TIME ZONE")(literal_column("'UTC'"))), Date)
    days = Grouping(day.op("-")(literal_column(f"'{_FIRST_DAY}'::date")))
    long = literal_column(str(_FIRST_LONG)).op("+", precedence=1)(
        days.op("/", precedence=2)(literal_column(str(7 * LONG)))
    )
    unknown: ColumnElement[Any] = literal_column(str(UNKNOWN_WEEK))
    numbers = [func.coalesce(days.op("/")(literal_column("7")), unknown), func.coalesce(long, unknown)]
    return array(numbers, type_=WEEKS)
