"""Compiled reads: a statement is written in SQLAlchemy, compiled once per shape, and run on asyncpg itself.

An ORM read costs three times as much CPU; a GET has no use for entities or a transaction's round trips.
"""

from collections.abc import Mapping
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import LRUCache

from helpdesk_api.database.statement_count import count_statement

_dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]
_compiled: LRUCache[Any, SQLCompiler] = LRUCache(2_000)


def _render(statement: Any, parameters: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """SQL text with `$n` placeholders and the values in their order."""
    # The engine's own way from a statement to its cached text, without the engine's execution round it.
    compiled, extracted, *_ = statement._compile_w_cache(  # noqa: SLF001
        dialect=_dialect, compiled_cache=_compiled, column_keys=[]
    )
    values = compiled.construct_params(dict(parameters), extracted_parameters=extracted, escape_names=False)
    processors: Mapping[str, Any] = compiled._bind_processors  # noqa: SLF001
    if not compiled.post_compile_params:
        return compiled.string, _processed(compiled.positiontup, values, processors)
    # `IN (…)` writes one placeholder per element, so its text differs from call to call.
    expanded = compiled._process_parameters_for_postcompile(values)  # noqa: SLF001
    values = {**values, **expanded.additional_parameters}
    return expanded.statement, _processed(expanded.positiontup, values, {**processors, **expanded.processors})


def _processed(names: Any, values: Mapping[str, Any], processors: Mapping[str, Any]) -> list[Any]:
    return [processors[name](values[name]) if name in processors else values[name] for name in (names or ())]


class ReadSession:
    """Runs SELECTs one by one in autocommit on a driver connection; each sees what is committed when it starts."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def fetch(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[asyncpg.Record]:
        sql, values = _render(statement, parameters or {})
        count_statement()
        rows: list[asyncpg.Record] = await self._connection.fetch(sql, *values)
        return rows

    async def fetch_one(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first row as an asyncpg record, or None."""
        sql, values = _render(statement, parameters or {})
        count_statement()
        return await self._connection.fetchrow(sql, *values)

    async def fetch_value(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, or None."""
        row = await self.fetch_one(statement, parameters)
        return row[0] if row is not None else None
