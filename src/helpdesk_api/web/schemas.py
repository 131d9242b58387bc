"""Base classes and text types of every body: bounded, NUL-free, and closed to unknown fields."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

# PostgreSQL's text cannot hold NUL: refuse it at the door.
NO_NUL = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*[^\x00\s][^\x00]*$"

T = TypeVar("T")


def instant_text(value: datetime) -> str:
    """RFC 3339 in UTC with `Z`, microseconds kept."""
    return value.isoformat().replace("+00:00", "Z")


def _in_range(value: datetime) -> datetime:
    earliest, latest = 1970, 9000
    if not earliest <= value.year <= latest:
        code = "instant_out_of_range"
        raise PydanticCustomError(code, "an instant between 1970 and 9000 is expected")
    return value


Instant = Annotated[
    datetime,
    PlainSerializer(instant_text, return_type=str, when_used="json"),
    Field(json_schema_extra={"format": "date-time"}),
]
# What a caller sends: a zone is required (RFC 3339), and the year must be one that PostgreSQL and JSON agree on.
RequestInstant = Annotated[AwareDatetime, AfterValidator(_in_range)]

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=NOT_BLANK)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NOT_BLANK)]
OptionalText = Annotated[str, StringConstraints(max_length=500, pattern=NO_NUL)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=65_536, pattern=NOT_BLANK)]
MarkdownText = LongText
Identifier = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_.-]*$"),
]
Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=50, pattern=r"^[^\x00\s,][^\x00,]*$"),
]
SearchText = Annotated[str, StringConstraints(min_length=1, max_length=400, pattern=NOT_BLANK)]
CursorText = Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"^[A-Za-z0-9_-]+$")]


def absent() -> Any:
    """Default of a PATCH field: leaving it out changes nothing, while null is a value of its own (RFC 7396)."""
    return Field(default=None)


class RequestModel(BaseModel):
    """A body that we take: unknown fields are errors, so that a misspelt one is never silently dropped."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False, allow_inf_nan=False)


class ResponseModel(BaseModel):
    """A body that we give: every property is present, absent means null."""

    model_config = ConfigDict(from_attributes=True)


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
