"""Compiled statements that write, on a driver connection."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import asyncpg
from sqlalchemy.exc import DBAPIError

from helpdesk_api.database.conversion import dialect
from helpdesk_api.database.reads import CompiledStatement, ReadSession, Statement
from helpdesk_api.database.statement_count import count_statement


class WrittenStatements(ReadSession):
    """Runs compiled statements that write; what PostgreSQL refuses is SQLAlchemy's own exception."""

    async def fetch(self, statement: Statement, parameters: Mapping[str, Any] | None = None) -> list[asyncpg.Record]:
        try:
            return await super().fetch(statement, parameters)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise _as_raised_by_the_engine(error) from error

    async def fetch_one(self, statement: Statement, parameters: Mapping[str, Any] | None = None) -> Any:
        try:
            return await super().fetch_one(statement, parameters)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise _as_raised_by_the_engine(error) from error

    async def execute_many(self, statement: CompiledStatement, rows: Sequence[Mapping[str, Any]]) -> None:
        """One round trip and, to the server, one statement prepared and run for each row."""
        await self.run_many(statement.sql, [statement.arguments(row) for row in rows])

    async def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """The same with text and values that are ready; of a single row, one statement as any other."""
        count_statement()
        try:
            if len(rows) == 1:
                await self._connection.fetch(sql, *rows[0])
            else:
                await self._connection.executemany(sql, rows)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise _as_raised_by_the_engine(error) from error


def _as_raised_by_the_engine(error: Exception) -> DBAPIError:
    kinds: Mapping[type, Any] = dialect.dbapi._asyncpg_error_translate  # type: ignore[union-attr]  # noqa: SLF001
    kind = next((kinds[base] for base in type(error).__mro__ if base in kinds), dialect.dbapi.Error)  # type: ignore[union-attr]
    translated = kind(str(error), error)
    translated.__cause__ = error
    return cast(
        "DBAPIError",
        DBAPIError.instance(None, None, translated, dialect.dbapi.Error, dialect=dialect),  # type: ignore[union-attr]
    )


def statements_alone(reads: ReadSession) -> WrittenStatements:
    """Compiled statements on a connection for reads: each of them is a transaction of its own."""
    return WrittenStatements(reads._connection)  # noqa: SLF001 - of the same kind
