"""Hot writes: entities of an open transaction, written by statements that are compiled once per shape.

The ORM's unit of work costs several times the CPU of the statements that it sends. What every request writes is
therefore kept here, as mapped entities outside the ORM's session, and written on the transaction's own connection.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from itertools import chain, groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from uuid import UUID

import asyncpg
from sqlalchemy import ClauseElement, Table, bindparam, inspect, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState, Mapper
from sqlalchemy.orm.attributes import instance_dict, instance_state, manager_of_class

from helpdesk_api.database.base import Base
from helpdesk_api.database.conversion import dialect, from_driver, to_driver
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.written_statements import WrittenStatements

if TYPE_CHECKING:
    from helpdesk_api.database.session import Database

Entity = TypeVar("Entity", bound=Base)
Row = TypeVar("Row")
_STATEMENTS, _NEW, _HELD, _PLAIN, _OWNED = "statements", "new_entities", "held_entities", "plain_rows", "owned_rows"
# So many rows are one INSERT; its text, and what PostgreSQL keeps of it, is another for each number of rows.
_ROWS_AT_ONCE = 8
_PLACEHOLDER = re.compile(r"\$(\d+)")


async def statements_of(session: AsyncSession) -> WrittenStatements:
    """Compiled statements on the connection of the session's transaction: they see what it has flushed."""
    transaction = session.sync_session.get_transaction()
    kept: tuple[Any, WrittenStatements] | None = session.info.get(_STATEMENTS)
    if kept is not None and kept[0] is transaction:
        return kept[1]
    raw = await (await session.connection()).get_raw_connection()
    adapted: Any = raw.dbapi_connection
    # The adapter sends its BEGIN with the first statement that goes through it, and ours do not.
    if adapted._transaction is None and not adapted.autocommit:  # noqa: SLF001
        await adapted._start_transaction()  # noqa: SLF001
    found = WrittenStatements(raw.driver_connection)
    session.info[_STATEMENTS] = (session.sync_session.get_transaction(), found)
    return found


class WritingSession(AsyncSession):
    """Its `flush` writes the kept entities first, since what the ORM adds beside them refers to them."""

    def __init__(self, bind: Any = None, *, database: "Database", **options: Any) -> None:
        super().__init__(bind, **options)
        self.database = database

    async def flush(self, objects: Sequence[Any] | None = None) -> None:
        await _write_kept(self)
        if self.new or self.dirty or self.deleted:
            await super().flush(objects)


def database_of(session: AsyncSession) -> "Database":
    """Where the session is from, for who was given no more than the session, as a job is."""
    return cast("WritingSession", session).database


def insert_at_flush(session: AsyncSession, entity: Base) -> None:
    """Keep a new entity: each attribute that was set is written, an SQL expression's value comes back into it."""
    session.info.setdefault(_NEW, []).append(entity)


def update_at_flush(session: AsyncSession, entity: Base) -> None:
    """Keep an entity that a `Loader` made and whose row this transaction has locked: its changes are written."""
    session.info.setdefault(_HELD, []).append(entity)


async def _write_kept(session: AsyncSession) -> None:
    new, held = session.info.pop(_NEW, ()), session.info.get(_HELD, ())
    for kind, entities in groupby(new, type):
        await _insert(await statements_of(session), kind, list(entities))
    for entity in new:
        update_at_flush(session, entity)
    changed = [entity for entity in held if instance_state(entity).committed_state]
    for kind, entities in groupby(changed, type):
        await _update(await statements_of(session), kind, list(entities))


async def insert_rows(session: AsyncSession, entities: Sequence[Base]) -> None:
    """Now, and in one round trip: new entities of one class with the same attributes set."""
    if entities:
        await _insert(await statements_of(session), type(entities[0]), entities)


async def _insert(statements: WrittenStatements, kind: type[Base], entities: Sequence[Base]) -> None:
    """One statement for all that have the same attributes set, when nothing has to come back into them."""
    rows = [_values(entity) for entity in entities]
    expressions = tuple((name, value) for name, value in rows[0].items() if isinstance(value, ClauseElement))
    returned = (*(name for name, _ in expressions), *_computed(kind))
    if len(entities) > 1 and (returned or any(row.keys() != rows[0].keys() for row in rows)):
        for entity in entities:
            await _insert(statements, kind, [entity])
        return
    statement = _insert_statement(kind, tuple(rows[0]), expressions, returned)
    if len(rows) > 1:
        await statements.execute_many(statement, rows)
    else:
        row = await statements.fetch_one(statement, rows[0])
        instance_dict(entities[0]).update(zip(returned, row or (), strict=True))
    for entity in entities:
        _forget_changes(entity)


def _values(entity: Base) -> dict[str, Any]:
    held = instance_dict(entity)
    return {name: held[name] for name in _names(type(entity)) if name in held}


async def _update(statements: WrittenStatements, kind: type[Base], entities: Sequence[Base]) -> None:
    """One statement for all: each writes every column that any of them changed, since all their rows are locked."""
    changed = {entity: _changed_names(entity) for entity in entities}
    names = tuple(sorted(set().union(*changed.values())))
    rows = [
        {**instance_dict(entity), **{f"key_{name}": getattr(entity, name) for name in _key_names(kind)}}
        for entity, own in changed.items()
        if own
    ]
    if len(rows) > 1 and all(row.keys() >= set(names) for row in rows):
        await statements.execute_many(_update_statement(kind, names), rows)
    else:
        # An attribute that was never set is what PostgreSQL made it, and stays so.
        for row, own in zip(rows, (own for own in changed.values() if own), strict=True):
            await statements.fetch(_update_statement(kind, tuple(sorted(own))), row)
    for entity in entities:
        _forget_changes(entity)


def _changed_names(entity: Base) -> set[str]:
    now = instance_dict(entity)
    return {name for name, before in instance_state(entity).committed_state.items() if before != now[name]}


def _forget_changes(entity: Base) -> None:
    state: InstanceState[Any] = instance_state(entity)
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


def new_entity(kind: type[Entity], /, **values: Any) -> Entity:
    """As its constructor makes it, without telling the instrumentation of each attribute: for rows by the thousand."""
    made: Entity = manager_of_class(kind).new_instance()
    fill(made, **values)
    return made


def fill(entity: Base, /, **values: Any) -> None:
    """Give a new entity more of its first values."""
    instance_dict(entity).update(values)


class Loader(Generic[Entity]):
    """Makes entities from rows whose first columns are `columns`, as `update_at_flush` takes them."""

    def __init__(self, entity: type[Entity]) -> None:
        self._new: Callable[[], Entity] = manager_of_class(entity).new_instance
        self.columns = tuple(_table(entity).c[attribute.key] for attribute in _mapper(entity).column_attrs)
        self.names = tuple(column.key for column in self.columns)
        self._plan = [(column.key, from_driver(column.type)) for column in self.columns]

    def entity(self, row: asyncpg.Record) -> Entity:
        made = self._new()
        values = instance_dict(made)
        for (name, processor), value in zip(self._plan, row, strict=False):
            values[name] = value if processor is None or value is None else processor(value)
        return made


@dataclass(frozen=True, slots=True)
class Write:
    """A statement's text, and the values of each time that it runs."""

    sql: str
    rows: Sequence[Sequence[Any]]


class Rows(Generic[Row]):
    """Objects of a plain dataclass with slots as rows of an entity's table: for what is written several at a time.

    Without instrumentation a row costs a fraction. Its fields are named as the columns, and all of them are set. No
    flush writes them: they go with the events, as the last statement before the commit, or by `write_rows`.
    """

    def __init__(self, kind: type[Row], entity: type[Base]) -> None:
        self._kind, self._entity = kind, entity
        names = {one.name for one in fields(cast("Any", kind))}
        self.columns = tuple(column for column in _table(entity).columns if column.key in names)
        self._names = tuple(column.key for column in self.columns)
        self._values: Callable[[Row], tuple[Any, ...]] = attrgetter(*self._names)
        kinds = [column.type for column in self.columns]
        self._bound = [(n, bind) for n, kind in enumerate(kinds) if (bind := to_driver(kind)) is not None]
        self._loaded = [(n, load) for n, kind in enumerate(kinds) if (load := from_driver(kind)) is not None]

    def load(self, record: asyncpg.Record) -> Row:
        """From a record whose first columns are `columns`."""
        values = list(record[: len(self._names)])
        for place, processor in self._loaded:
            if values[place] is not None:
                values[place] = processor(values[place])
        return self._kind(**dict(zip(self._names, values, strict=True)))

    def insert_at_end(self, session: AsyncSession, row: Row) -> None:
        session.info.setdefault(_PLAIN, {})[id(row)] = (self, row, None)

    def update_at_end(self, session: AsyncSession, row: Row) -> None:
        """What changes from now on is written. The caller has locked the row, or what it belongs to."""
        session.info.setdefault(_PLAIN, {}).setdefault(id(row), (self, row, self._values(row)))

    def writes(self, kept: "_Kept") -> Iterator[Write]:
        """For the new ones of those that are kept, then for what changed of the others; from now on that is written."""
        mine = [(row, before, self._values(row)) for rows, row, before in kept.values() if rows is self]
        yield from self.inserts([values for _, before, values in mine if before is None])
        changed = [(before, now) for _, before, now in mine if before is not None and before != now]
        if changed:
            yield from self._updates(changed)
        kept.update({id(row): (self, row, now) for row, before, now in mine if before != now})

    def inserts(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[Write]:
        chunks = [rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE)]
        for count, alike in groupby(chunks, len):
            bound = [list(chain.from_iterable(map(self._arguments, chunk))) for chunk in alike]
            yield Write(_insert_rows_text(self._entity, self._names, count), bound)

    def _updates(self, changed: Sequence[tuple[tuple[Any, ...], tuple[Any, ...]]]) -> Iterator[Write]:
        """Each writes every column that any of them changed, since all their rows are locked."""
        differing = {
            n
            for before, now in changed
            for n, (was, is_now) in enumerate(zip(before, now, strict=True))
            if was is not is_now and was != is_now
        }
        statement = _update_statement(self._entity, tuple(sorted(self._names[n] for n in differing)))
        keys = _key_names(self._entity)
        bound = []
        for _, now in changed:
            row = dict(zip(self._names, now, strict=True))
            bound.append(statement.arguments(row | {f"key_{name}": row[name] for name in keys}))
        are_many = len(bound) > _ROWS_AT_ONCE
        yield from [Write(statement.sql, bound)] if are_many else [Write(statement.sql, [one]) for one in bound]

    def values(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        return [self._values(row) for row in rows]

    def _arguments(self, values: tuple[Any, ...]) -> list[Any]:
        bound = list(values)
        for place, processor in self._bound:
            bound[place] = processor(bound[place])
        return bound


@cache
def _insert_rows_text(entity: type[Base], names: tuple[str, ...], count: int) -> str:
    """Its values come row by row, in the order of the names, which is the table's."""
    columns = _table(entity).c
    rows = [{name: bindparam(f"{name}_{n}", type_=columns[name].type) for name in names} for n in range(count)]
    return str(insert(_table(entity)).values(rows).compile(dialect=dialect))


_Kept = dict[int, tuple[Rows[Any], Any, tuple[Any, ...] | None]]


def rows_by_owner(session: AsyncSession) -> dict[UUID, list[Any]]:
    """Plain rows that the transaction has read or made, by what they belong to, so that nobody reads them twice."""
    return cast("dict[UUID, list[Any]]", session.info.setdefault(_OWNED, {}))


def forget_rows(session: AsyncSession) -> None:
    """After a savepoint that failed, before which all were written: what it changed in them must not be, and whoever
    needs them reads them again."""
    session.info.pop(_PLAIN, None)
    session.info.pop(_OWNED, None)


async def write_rows(session: AsyncSession, more: Sequence[Write] = ()) -> None:
    """Write the plain rows that are kept, and `more` after them: in one round trip, where each statement runs once."""
    kept: _Kept = session.info.get(_PLAIN, {})
    writes = [one for rows in dict.fromkeys(one[0] for one in kept.values()) for one in rows.writes(kept)]
    writes += more
    if not writes:
        return
    statements = await statements_of(session)
    # Parts of one statement run in no order of theirs, and `more` may have one.
    if 1 < len(writes) <= _ROWS_AT_ONCE and len(more) <= 1 and all(len(one.rows) == 1 for one in writes):
        together = _together(tuple((one.sql, len(one.rows[0])) for one in writes))
        writes = [Write(together, [[value for one in writes for value in one.rows[0]]])]
    for one in writes:
        await statements.run_many(one.sql, one.rows)


@lru_cache(maxsize=500)
def _together(parts: tuple[tuple[str, int], ...]) -> str:
    """One statement of several that touch different rows, given with how many values each takes."""
    taken, texts = 0, []
    for sql, count in parts:
        texts.append(_shifted(sql, taken))
        taken += count
    first = ", ".join(f"part_{n} AS ({text})" for n, text in enumerate(texts[:-1]))
    return f"WITH {first} {texts[-1]}"


def _shifted(sql: str, by: int) -> str:
    return _PLACEHOLDER.sub(lambda found: f"${int(found[1]) + by}", sql)
