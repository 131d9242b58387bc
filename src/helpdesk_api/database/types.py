"""Column types that hold our conventions: aware UTC instants, enums as text with a CHECK."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Dialect, Enum, Select
from sqlalchemy.types import TypeDecorator

# A SELECT whose row is read by name: its column types say nothing that a reader needs.
AnySelect = Select[*tuple[Any, ...]]


class UtcDateTime(TypeDecorator[datetime]):
    """`timestamptz` that takes and gives aware UTC instants only; a naive one is a programming error."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        return require_zone(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        return value.astimezone(UTC) if value is not None else None


def require_zone(value: datetime | None) -> datetime | None:
    """Raises ValueError for an instant that says no zone."""
    if value is not None and value.tzinfo is None:
        message = "naive datetime for a timestamptz column"
        raise ValueError(message)
    return value


def text_enum(enum: type[StrEnum]) -> Enum:
    """Text with a CHECK: PostgreSQL's own enums cannot lose a value and lock the table to gain one."""
    return Enum(
        enum,
        native_enum=False,
        create_constraint=True,
        length=32,
        name=enum.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )
