"""Hot writes: entities of an open transaction, written by statements that are compiled once per shape.

The ORM's unit of work costs several times the CPU of the statements that it sends. What every request writes is
therefore kept here, as mapped entities outside the ORM's session, and written on the transaction's own connection.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Generic, TypeVar, cast

import asyncpg
from sqlalchemy import ClauseElement, Table, bindparam, inspect, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, Mapper
from sqlalchemy.orm.attributes import instance_dict, instance_state, manager_of_class

from helpdesk_api.database.base import Base
from helpdesk_api.database.reads import CompiledStatement, ReadSession, Statement, dialect
from helpdesk_api.database.statement_count import count_statement

Entity = TypeVar("Entity", bound=Base)
_STATEMENTS, _NEW, _HELD = "statements", "new_entities", "held_entities"


class TransactionStatements(ReadSession):
    """Runs compiled statements inside an open transaction; what PostgreSQL refuses is SQLAlchemy's own exception."""

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
        count_statement()
        try:
            await self._connection.executemany(statement.sql, [statement.arguments(row) for row in rows])
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


async def statements_of(session: AsyncSession) -> TransactionStatements:
    """Compiled statements on the connection of the session's transaction: they see what it has flushed."""
    transaction = session.sync_session.get_transaction()
    kept: tuple[Any, TransactionStatements] | None = session.info.get(_STATEMENTS)
    if kept is not None and kept[0] is transaction:
        return kept[1]
    raw = await (await session.connection()).get_raw_connection()
    adapted: Any = raw.dbapi_connection
    # The adapter sends its BEGIN with the first statement that goes through it, and ours do not.
    if adapted._transaction is None and not adapted.autocommit:  # noqa: SLF001
        await adapted._start_transaction()  # noqa: SLF001
    found = TransactionStatements(raw.driver_connection)
    session.info[_STATEMENTS] = (session.sync_session.get_transaction(), found)
    return found


class WritingSession(AsyncSession):
    """Its `flush` writes the kept entities first, since what the ORM adds beside them refers to them."""

    async def flush(self, objects: Sequence[Any] | None = None) -> None:
        await _write_kept(self)
        if self.new or self.dirty or self.deleted:
            await super().flush(objects)


def insert_at_flush(session: AsyncSession, entity: Base) -> None:
    """Keep a new entity: each attribute that was set is written, an SQL expression's value comes back into it."""
    session.info.setdefault(_NEW, []).append(entity)


def update_at_flush(session: AsyncSession, entity: Base) -> None:
    """Keep an entity that `Loaded` made and whose row this transaction has locked: its changes are written."""
    session.info.setdefault(_HELD, []).append(entity)


async def _write_kept(session: AsyncSession) -> None:
    new, held = session.info.pop(_NEW, ()), session.info.get(_HELD, ())
    for entity in new:
        await _insert(await statements_of(session), entity)
        update_at_flush(session, entity)
    for entity in held:
        if instance_state(entity).committed_state:
            await _update(await statements_of(session), entity)


async def insert_rows(session: AsyncSession, entities: Sequence[Base]) -> None:
    """New entities of one class with the same attributes set, in one round trip; nothing comes back into them."""
    if not entities:
        return
    statements = await statements_of(session)
    rows = [_values(entity) for entity in entities]
    statement = _insert_statement(type(entities[0]), tuple(rows[0]), (), ())
    if len(rows) == 1:
        await statements.fetch(statement, rows[0])
    else:
        await statements.execute_many(statement, rows)


async def _insert(statements: TransactionStatements, entity: Base) -> None:
    values = _values(entity)
    expressions = tuple((name, value) for name, value in values.items() if isinstance(value, ClauseElement))
    returned = (*(name for name, _ in expressions), *_computed(type(entity)))
    statement = _insert_statement(type(entity), tuple(values), expressions, returned)
    row = await statements.fetch_one(statement, values)
    state: InstanceState[Any] = instance_state(entity)
    if returned:
        state.dict.update(zip(returned, row, strict=True))
    state._commit_all(state.dict)  # noqa: SLF001


def _values(entity: Base) -> dict[str, Any]:
    held = instance_dict(entity)
    return {name: held[name] for name in _names(type(entity)) if name in held}


async def _update(statements: TransactionStatements, entity: Base) -> None:
    state: InstanceState[Any] = instance_state(entity)
    now = state.dict
    changed = tuple(sorted(name for name, before in state.committed_state.items() if before != now[name]))
    if changed:
        key = {f"key_{name}": now[name] for name in _key_names(type(entity))}
        await statements.fetch(_update_statement(type(entity), changed), {**now, **key})
    state._commit_all(state.dict)  # noqa: SLF001


def _mapper(entity: type[Base]) -> Mapper[Any]:
    return inspect(entity)


def _table(entity: type[Base]) -> Table:
    return cast("Table", entity.__table__)


@cache
def _names(entity: type[Base]) -> tuple[str, ...]:
    return tuple(attribute.key for attribute in _mapper(entity).column_attrs)


@cache
def _key_names(entity: type[Base]) -> tuple[str, ...]:
    return tuple(column.key for column in _table(entity).primary_key)


@cache
def _computed(entity: type[Base]) -> tuple[str, ...]:
    return tuple(name for name in _names(entity) if _table(entity).c[name].computed is not None)


@lru_cache(maxsize=500)
def _insert_statement(
    entity: type[Base], names: tuple[str, ...], expressions: tuple[tuple[str, Any], ...], returned: tuple[str, ...]
) -> CompiledStatement:
    statement = insert(_table(entity)).values(dict(expressions))
    returning = [_table(entity).c[name] for name in returned]
    return CompiledStatement(statement.returning(*returning) if returning else statement, columns=names)


@lru_cache(maxsize=2_000)
def _update_statement(entity: type[Base], names: tuple[str, ...]) -> CompiledStatement:
    table = _table(entity)
    keys = [table.c[name] == bindparam(f"key_{name}", type_=table.c[name].type) for name in _key_names(entity)]
    return CompiledStatement(update(table).where(*keys), columns=names)


class Loader(Generic[Entity]):
    """Makes entities from rows whose first columns are `columns`, as `update_at_flush` takes them."""

    def __init__(self, entity: type[Entity]) -> None:
        self._new: Callable[[], Entity] = manager_of_class(entity).new_instance
        self.columns = tuple(_table(entity).c[attribute.key] for attribute in _mapper(entity).column_attrs)
        self._plan: list[tuple[str, Callable[[Any], Any] | None]] = [
            (column.key, column.type._cached_result_processor(dialect, None))  # noqa: SLF001
            for column in self.columns
        ]

    def entity(self, row: asyncpg.Record) -> Entity:
        made = self._new()
        values = instance_dict(made)
        for (name, processor), value in zip(self._plan, row, strict=False):
            values[name] = value if processor is None or value is None else processor(value)
        return made
