"""Base classes and text types of every body: bounded, NUL-free, and closed to unknown fields."""

import re
import warnings
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    StringConstraints,
)
from pydantic.warnings import UnsupportedFieldAttributeWarning
from pydantic_core import PydanticCustomError, PydanticKnownError, to_json

# PostgreSQL's text cannot hold NUL: refuse it at the door.
NO_NUL = r"^[^\x00]*$"
# What every dialect of regular expressions calls white space: `\s` itself is one thing to ECMAScript, in which
# contracts are written, and another to us (U+0085, U+FEFF).
WHITE_SPACE = r"\t\n\x0b\x0c\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
NOT_BLANK = rf"^[^\x00]*[^\x00{WHITE_SPACE}][^\x00]*$"

T = TypeVar("T")

# FastAPI gives its fields an alias that Pydantic has no use for, and silences what Pydantic says to that; but a model
# that is built at its first use says it later, when nobody listens any more.
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)


def instant_text(value: datetime) -> str:
    """RFC 3339 in UTC with `Z`, microseconds kept; of an instant in whatever zone."""
    return to_json(value.astimezone(UTC))[1:-1].decode()


_FIRST_YEAR, _LAST_YEAR = 1970, 8999
_INSTANT = r"^(19[7-9]\d|[2-8]\d{3})-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$"
_ZONELESS = re.compile(_INSTANT.replace(r"([Zz]|[+-]\d{2}:\d{2})", r"([Zz]|[+-]\d{2}:\d{2})?"))
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ANY_YEAR = re.compile(_ZONELESS.pattern.replace(r"(19[7-9]\d|[2-8]\d{3})", r"\d{4}"))


def _number(value: Any) -> Any:
    if isinstance(value, str | bool):
        raise PydanticKnownError("int_type")  # noqa: EM101 - the name of a known error
    return value


def as_number(value: Any) -> Any:
    """Before a float: Pydantic would also take texts, and booleans for 0 and 1."""
    if isinstance(value, str | bool):
        raise PydanticKnownError("float_type")  # noqa: EM101 - the name of a known error
    return value


def _as_written(value: Any) -> Any:
    """Pydantic also reads numbers, and texts of numbers, as seconds; a contract has one form."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _ANY_YEAR.match(value):
        code = "instant_expected"
        raise PydanticCustomError(code, "an instant as in RFC 3339 is expected, such as 2026-03-02T08:15:00Z")
    if not _ZONELESS.match(value):
        raise _out_of_range()
    return value


def _in_utc(value: datetime) -> datetime:
    """What is stored and answered has no zone of its own, and its year must hold in UTC too."""
    moved = value.astimezone(UTC)
    if not _FIRST_YEAR <= moved.year <= _LAST_YEAR:
        raise _out_of_range()
    return moved


def _out_of_range() -> PydanticCustomError:
    code = "instant_out_of_range"
    return PydanticCustomError(code, "an instant from 1970 to 8999 is expected, in UTC as in its own zone")


def _day_as_written(value: Any) -> Any:
    """Pydantic also reads numbers, as seconds, and instants at midnight."""
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    code = "date_expected"
    raise PydanticCustomError(code, "a day as in RFC 3339 is expected, such as 2026-03-02")


Instant = Annotated[
    datetime,
    PlainSerializer(instant_text, return_type=str, when_used="json"),
    Field(json_schema_extra={"format": "date-time"}),
]
# What a caller sends: a zone is required (RFC 3339), and the year must be one that PostgreSQL and JSON agree on.
RequestInstant = Annotated[
    AwareDatetime,
    BeforeValidator(_as_written),
    AfterValidator(_in_utc),
    Field(json_schema_extra={"pattern": _INSTANT, "maxLength": 40}),
]
RequestDay = Annotated[date, BeforeValidator(_day_as_written)]
# In bodies: Pydantic would take "yes" and 1 for true, and "5" for 5, and the contract says boolean or integer. 5.0 is
# an integer in JSON Schema, so strict integers would be too strict; the marker goes last, after the bounds.
Flag = Annotated[bool, Strict()]
WHOLE_NUMBER = BeforeValidator(_number)

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=NOT_BLANK)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NOT_BLANK)]
OptionalText = Annotated[str, StringConstraints(max_length=500, pattern=NO_NUL)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=65_536, pattern=NOT_BLANK)]
ExternalText = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=NOT_BLANK)]
Identifier = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_.-]*$"),
]
Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=50, pattern=rf"^[^\x00{WHITE_SPACE},][^\x00,]*$"),
]
SearchText = Annotated[str, StringConstraints(min_length=1, max_length=400, pattern=NOT_BLANK)]
MAX_QUERY = 2_000
QueryText = Annotated[str, StringConstraints(max_length=MAX_QUERY, pattern=NO_NUL)]
CursorText = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[A-Za-z0-9_-]+$")]


def absent(description: str | None = None) -> Any:
    """Default of a PATCH field: leaving it out changes nothing, while null is a value of its own (RFC 7396)."""
    return Field(default=None, description=description)


class RequestModel(BaseModel):
    """A body that we take: unknown fields are errors, so that a misspelt one is never silently dropped."""

    model_config = ConfigDict(
        # At its first use: to build all of them takes a fifth of a start, and no process uses all.
        defer_build=True,
        extra="forbid",
        str_strip_whitespace=False,
        allow_inf_nan=False,
    )


class ResponseModel(BaseModel):
    """A body that we give: every property is present, absent means null."""

    model_config = ConfigDict(defer_build=True, from_attributes=True)


class Page(ResponseModel, Generic[T]):
    """One page of a list; `next_cursor` is null on the last one."""

    data: list[T]
    next_cursor: CursorText | None = Field(
        description="Opaque; give it back as `cursor` for the next page.",
        examples=["Yx0Vb2kJ3hQ"],
    )
    prev_cursor: CursorText | None = Field(
        description="Opaque; give it back as `cursor` for the page before.",
        examples=[None],
    )
    total: int | None = Field(ge=0, description="Only with `include_total=true`.", examples=[None])
    total_is_exact: bool | None = Field(description="Only with `include_total=true`.", examples=[None])
