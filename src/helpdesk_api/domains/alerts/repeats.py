"""Repetitions, most of what monitoring sends: counted by one statement, however many alerts a body has.

Where nothing is open yet, or more is asked than to count, the sender waits for its turn at the key.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Integer,
    Table,
    Text,
    Uuid,
    bindparam,
    column,
    exists,
    func,
    literal_column,
    select,
    text,
    true,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningUpdate
from sqlalchemy.types import TypeEngine

from helpdesk_api.database import clock
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.types import UtcDateTime
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.alerts.enums import AlertAction
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.models import Alert
from helpdesk_api.domains.tickets.models import Ticket

# Few enough that no body can hold more locks than PostgreSQL has room for.
_SLOTS: Final = 256
# Behind them: the one of an integration's storms.
_STORM_SLOT: Final = _SLOTS
_GIVEN: Final[Mapping[str, TypeEngine[Any]]] = {
    "dedup_key": Text(),
    "severity": Text(),
    "summary": Text(),
    "source": Text(),
    "labels": Text(),
    "annotations": Text(),
    "started_at": UtcDateTime(),
}


def _given(name: str, kind: Any) -> Any:
    return bindparam(f"given_{name}", type_=kind)


def reference_of_ticket() -> Any:
    """Of an alert's ticket: the sender opened it itself, so it is told its name."""
    mine = select(Ticket.reference).where(Ticket.id == Alert.ticket_id).correlate(Alert)
    return mine.scalar_subquery().label("reference")


def _counting() -> ReturningUpdate[Any]:
    table = cast("Table", Alert.__table__)
    arrays = func.unnest(*(_given(name, ARRAY(kind)) for name, kind in _GIVEN.items()))
    said = arrays.table_valued(*(column(name, kind) for name, kind in _GIVEN.items())).render_derived("said")
    return (
        update(table)
        .where(
            table.c.integration_id == _given("integration", Uuid),
            table.c.dedup_key == said.c.dedup_key,
            text("alerts.state <> 'resolved'"),
        )
        .values(
            count=table.c.count + 1,
            severity=func.coalesce(said.c.severity, table.c.severity),
            summary=said.c.summary,
            source=said.c.source,
            labels=sql_cast(said.c.labels, JSONB),
            annotations=sql_cast(said.c.annotations, JSONB),
            started_at=func.greatest(table.c.started_at, said.c.started_at),
            last_seen_at=func.greatest(table.c.last_seen_at, _given("now", UtcDateTime())),
            version=table.c.version + 1,
        )
        .returning(table.c.id, table.c.dedup_key, table.c.ticket_id, table.c.count, reference_of_ticket())
    )


@cache
def _count_many() -> CompiledStatement:
    return CompiledStatement(_counting())


@cache
def _count_or_wait() -> CompiledStatement:
    """Where nothing was counted, the statement ends with the turn taken, and the next one sees what was done before."""
    counted = _counting().cte("counted")
    turn = (
        select(func.pg_advisory_xact_lock(_given("class", Integer), _given("slot", Integer)).label("taken"))
        .where(~exists(select(counted.c.id)))
        .cte("turn")
    )
    turns = select(func.count()).select_from(turn).scalar_subquery()
    one = select(literal_column("1").label("one")).subquery()
    return CompiledStatement(select(counted, turns.label("turns")).select_from(one.outerjoin(counted, true())))


@cache
def _turns() -> CompiledStatement:
    slots = func.unnest(_given("slots", ARRAY(Integer))).column_valued("slot")
    ordered = select(slots.label("slot")).order_by(literal_column("slot")).subquery()
    return CompiledStatement(select(func.pg_advisory_xact_lock(_given("class", Integer), ordered.c.slot)))


async def count_repeats(session: AsyncSession, integration_id: UUID, facts: Sequence[AlertFact]) -> dict[int, Any]:
    """The rows of those that only count on what is open, by their place among `facts`, which all have their key.

    For the others the turn is taken: what is said of one key is done in the order in which it came, so that an end
    never overtakes its beginning.
    """
    if len(facts) == 1:
        return await _count_one(session, integration_id, facts[0])
    keys = [str(fact.dedup_key) for fact in facts]
    await _take_turns(session, integration_id, keys)
    # What the body says twice of one key is done one after the other.
    times = Counter(keys)
    plain = {
        key: place
        for place, (key, fact) in enumerate(zip(keys, facts, strict=True))
        if fact.action is AlertAction.TRIGGER and times[key] == 1
    }
    if not plain:
        return {}
    given = _values(integration_id, [facts[place] for place in plain.values()])
    rows = await (await statements_of(session)).fetch(_count_many(), given)
    return {plain[row["dedup_key"]]: row for row in rows}


async def _count_one(session: AsyncSession, integration_id: UUID, fact: AlertFact) -> dict[int, Any]:
    if fact.action is not AlertAction.TRIGGER:
        await _take_turns(session, integration_id, [str(fact.dedup_key)])
        return {}
    given = _values(integration_id, [fact])
    given |= {"given_class": _class_of(integration_id), "given_slot": _slot_of(str(fact.dedup_key))}
    row = await (await statements_of(session)).fetch_one(_count_or_wait(), given)
    return {0: row} if row["id"] is not None else {}


def _values(integration_id: UUID, facts: Sequence[AlertFact]) -> dict[str, Any]:
    return {
        "given_integration": integration_id,
        "given_now": clock.now(),
        "given_dedup_key": [fact.dedup_key for fact in facts],
        "given_severity": [fact.severity for fact in facts],
        "given_summary": [fact.summary for fact in facts],
        "given_source": [fact.source for fact in facts],
        "given_labels": [json.dumps(dict(fact.labels)) for fact in facts],
        "given_annotations": [json.dumps(dict(fact.annotations)) for fact in facts],
        "given_started_at": [fact.started_at for fact in facts],
    }


async def _take_turns(session: AsyncSession, integration_id: UUID, keys: Iterable[str]) -> None:
    """All of a body's at once and in one order, so that two bodies cannot wait for each other."""
    await _take(session, integration_id, sorted({_slot_of(key) for key in keys}))


async def take_turn_at_storm(session: AsyncSession, integration_id: UUID) -> None:
    """Behind the turns at the keys; until the commit nobody else's alert opens or attaches by the same count."""
    await _take(session, integration_id, [_STORM_SLOT])


async def _take(session: AsyncSession, integration_id: UUID, slots: list[int]) -> None:
    given = {"given_class": _class_of(integration_id), "given_slots": slots}
    await (await statements_of(session)).fetch(_turns(), given)


def _slot_of(key: str) -> int:
    return zlib.crc32(key.encode()) % _SLOTS


def _class_of(integration_id: UUID) -> int:
    return zlib.crc32(integration_id.bytes) - 2**31
