"""Compiled reads: a statement is written in SQLAlchemy, compiled once per shape, and run on asyncpg itself.

An ORM read costs three times as much CPU; a GET has no use for entities or a transaction's round trips.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

import asyncpg
from sqlalchemy import ColumnElement, select
from sqlalchemy.sql import ClauseElement, Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import LRUCache

from helpdesk_api.database.conversion import dialect, to_driver
from helpdesk_api.database.statement_count import count_statement

_compiled: LRUCache[Any, SQLCompiler] = LRUCache(2_000)


def _render(statement: Any, parameters: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """SQL text with `$n` placeholders and the values in their order."""
    # The engine's own way from a statement to its cached text, without the engine's execution round it.
    compiled, extracted, *_ = statement._compile_w_cache(  # noqa: SLF001
        dialect=dialect, compiled_cache=_compiled, column_keys=[]
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


def opaque(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """For what may be planned without its value: as a query of its own, which the planner cannot look into.

    PostgreSQL plans each call anew where the plan for the value at hand looks cheaper than the one for all. Where
    planning takes longer than running, that is dear; where it sees no value, it keeps the one.
    """
    return select(value).scalar_subquery()


class CompiledStatement:
    """A statement made once: its text is ready, and whatever differs from call to call is a named `bindparam`.

    Building a statement of eighty columns costs more than PostgreSQL needs to answer it, so hot reads keep theirs.
    """

    __slots__ = ("_places", "sql")

    def __init__(self, statement: Executable, *, columns: Sequence[str] | None = None) -> None:
        """`columns` are what an INSERT or UPDATE sets; their values come under these names."""
        compiled: Any = cast("ClauseElement", statement).compile(dialect=dialect, column_keys=columns)
        if compiled.post_compile_params:
            message = "an expanding IN has no fixed text; compare with ANY of an array"
            raise ValueError(message)
        self.sql: str = compiled.string
        self._places: list[tuple[str | None, Any, Any]] = []
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            processor = to_driver(bind.type)
            if bind.required:
                self._places.append((bind.key, processor, None))
            else:
                value = bind.effective_value
                self._places.append((None, None, processor(value) if processor else value))

    def arguments(self, parameters: Mapping[str, Any]) -> list[Any]:
        """In the order of the placeholders. Raises KeyError when a value is missing: none is ever left over."""
        return [
            fixed if name is None else parameters[name] if processor is None else processor(parameters[name])
            for name, processor, fixed in self._places
        ]


Statement = Executable | CompiledStatement


def _prepared(statement: Statement, parameters: Mapping[str, Any] | None) -> tuple[str, list[Any]]:
    if isinstance(statement, CompiledStatement):
        return statement.sql, statement.arguments(parameters or {})
    return _render(statement, parameters or {})


class Lender(Protocol):
    """Where a connection comes from that others may have for a while."""

    def give_back(self) -> None: ...

    async def take(self) -> "asyncpg.Connection[asyncpg.Record]": ...


class _GivenBack:
    """Stands where a connection was that somebody else may have by now."""

    def __getattr__(self, name: str) -> Any:
        message = f"{name}: the connection was given back"
        raise RuntimeError(message)


_GIVEN_BACK: Any = _GivenBack()


class ReadSession:
    """Runs SELECTs one by one in autocommit on a driver connection; each sees what is committed when it starts."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", lender: Lender | None = None) -> None:
        self._connection = connection
        self._lender = lender

    @asynccontextmanager
    async def without_connection(self) -> AsyncIterator[None]:
        """While another service is waited for, other requests have its connection. Nothing can be read inside, nor
        after the wait was cancelled: who is to end must not stand in line for a connection first."""
        if self._lender is None:
            yield
            return
        self._lender.give_back()
        self._connection = _GIVEN_BACK
        is_needed = True
        try:
            yield
        except asyncio.CancelledError:
            is_needed = False
            raise
        finally:
            if is_needed:
                self._connection = await self._lender.take()

    async def fetch(self, statement: Statement, parameters: Mapping[str, Any] | None = None) -> list[asyncpg.Record]:
        sql, values = _prepared(statement, parameters)
        count_statement()
        rows: list[asyncpg.Record] = await self._connection.fetch(sql, *values)
        return rows

    async def fetch_one(self, statement: Statement, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first row as an asyncpg record, or None."""
        sql, values = _prepared(statement, parameters)
        count_statement()
        return await self._connection.fetchrow(sql, *values)

    async def fetch_value(self, statement: Statement, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, or None."""
        row = await self.fetch_one(statement, parameters)
        return row[0] if row is not None else None
