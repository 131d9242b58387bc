"""Values on their way to asyncpg and back: what SQLAlchemy's types do to them, without what asyncpg does anyway."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from struct import Struct
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import ARRAY, JSON, Enum
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.types import TypeEngine

from helpdesk_api.database.types import UtcDateTime

Conversion = Callable[[Any], Any]
# From which PostgreSQL counts, in microseconds.
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECONDS: Final = Struct("!q")


def _json_text(value: Any) -> str:
    """Several times faster than `json.dumps`, and each event has four."""
    return to_json(value).decode()


dialect = asyncpg_dialect(dbapi=asyncpg_dialect.import_dbapi(), json_serializer=_json_text)  # type: ignore[no-untyped-call]


def to_driver(kind: TypeEngine[Any]) -> Conversion | None:
    """None where asyncpg takes the value as it is."""
    if _text_enum(kind) is not None:
        # Its members are texts; that it is one of them is checked by the table.
        return None
    if isinstance(kind, UtcDateTime) or (isinstance(kind, ARRAY) and to_driver(kind.item_type) is None):
        return None
    processor: Conversion | None = kind._cached_bind_processor(dialect)  # noqa: SLF001
    if processor is None or not isinstance(kind, JSON):
        return processor
    # Three of an event's four objects are empty.
    return lambda value: "{}" if value.__class__ is dict and not value else processor(value)


def teach_instants(connection: Any, record: Any) -> None:
    """For SQLAlchemy's `connect`: instants go to the driver in half the time that its own way takes, and each write has
    many. One without a zone is refused, where asyncpg would take it for the local time."""
    del record
    connection.run_async(
        lambda driver: driver.set_type_codec(
            "timestamptz", schema="pg_catalog", format="binary", encoder=_written, decoder=_read
        )
    )


def _written(instant: datetime) -> bytes:
    since = instant - _EPOCH
    return _MICROSECONDS.pack((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _read(written: bytes) -> datetime:
    return _EPOCH + timedelta(0, 0, _MICROSECONDS.unpack(written)[0])


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
