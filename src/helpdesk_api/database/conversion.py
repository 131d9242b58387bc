"""Values on their way to asyncpg and back: what SQLAlchemy's types do to them, without what asyncpg does anyway."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from pydantic_core import to_json
from sqlalchemy import JSON, Enum
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.types import TypeEngine

from helpdesk_api.database.types import UtcDateTime, require_zone

Conversion = Callable[[Any], Any]


def _json_text(value: Any) -> str:
    """Several times faster than `json.dumps`, and each event has four."""
    return to_json(value).decode()


dialect = asyncpg_dialect(dbapi=asyncpg_dialect.import_dbapi(), json_serializer=_json_text)  # type: ignore[no-untyped-call]


def to_driver(kind: TypeEngine[Any]) -> Conversion | None:
    """None where asyncpg takes the value as it is."""
    if _text_enum(kind) is not None:
        # Its members are texts; that it is one of them is checked by the table.
        return None
    if isinstance(kind, UtcDateTime):
        return require_zone
    processor: Conversion | None = kind._cached_bind_processor(dialect)  # noqa: SLF001
    if processor is None or not isinstance(kind, JSON):
        return processor
    # Three of an event's four objects are empty.
    return lambda value: "{}" if value.__class__ is dict and not value else processor(value)


def from_driver(kind: TypeEngine[Any]) -> Conversion | None:
    """None where asyncpg gives the value as it shall be, as it does with instants. Not for nulls."""
    enum = _text_enum(kind)
    if enum is not None:
        return {member.value: member for member in enum}.__getitem__
    if isinstance(kind, UtcDateTime):
        return None
    return kind._cached_result_processor(dialect, None)  # noqa: SLF001


def _text_enum(kind: TypeEngine[Any]) -> type[StrEnum] | None:
    if isinstance(kind, Enum) and kind.enum_class is not None and issubclass(kind.enum_class, StrEnum):
        return kind.enum_class
    return None
