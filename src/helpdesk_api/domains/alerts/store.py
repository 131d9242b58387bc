"""The alerts' rows: every trigger is one INSERT … ON CONFLICT, whose unique index decides between all senders."""

import zlib
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    DateTime,
    Integer,
    Table,
    Text,
    Uuid,
    bindparam,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.alerts.enums import AlertState
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.models import Alert, AlertStorm
from helpdesk_api.domains.alerts.rules import Ended
from helpdesk_api.domains.tickets.models import ACTIVE, Ticket

# Few enough that no body can hold more locks than PostgreSQL has room for.
_SLOTS: Final = 256
_UNRESOLVED = text("state <> 'resolved'")


def _given(name: str, kind: Any = Text) -> Any:
    return bindparam(f"given_{name}", type_=kind)


@cache
def _slots_statement() -> CompiledStatement:
    slots = func.unnest(_given("slots", ARRAY(Integer))).column_valued("slot")
    ordered = select(slots.label("slot")).order_by(literal_column("slot")).subquery()
    return CompiledStatement(select(func.pg_advisory_xact_lock(_given("class", Integer), ordered.c.slot)))


async def take_turns(session: AsyncSession, integration_id: UUID, keys: Iterable[str]) -> None:
    """What is said of one key is done in the order in which it came: an end never overtakes its beginning.

    All of a body's at once and in one order, so that two bodies cannot wait for each other.
    """
    slots = sorted({zlib.crc32(key.encode()) % _SLOTS for key in keys})
    if slots:
        given = {"given_class": _class_of(integration_id), "given_slots": slots}
        await (await statements_of(session)).fetch(_slots_statement(), given)


def _class_of(integration_id: UUID) -> int:
    return zlib.crc32(integration_id.bytes) - 2**31


@cache
def _trigger_statement() -> CompiledStatement:
    table = cast("Table", Alert.__table__)
    names = (
        "id",
        "integration_id",
        "dedup_key",
        "state",
        "severity",
        "summary",
        "source",
        "labels",
        "annotations",
        "storm_value",
        "count",
        "in_storm",
        "started_at",
        "first_seen_at",
        "last_seen_at",
        "version",
    )
    statement = insert(table).values({name: bindparam(f"given_{name}", type_=table.c[name].type) for name in names})
    fresh = statement.excluded
    counted = statement.on_conflict_do_update(
        index_elements=[table.c.integration_id, table.c.dedup_key],
        index_where=_UNRESOLVED,
        set_={
            "count": table.c.count + 1,
            "severity": func.coalesce(fresh.severity, table.c.severity),
            "summary": fresh.summary,
            "source": fresh.source,
            "labels": fresh.labels,
            "annotations": fresh.annotations,
            "started_at": func.greatest(table.c.started_at, fresh.started_at),
            "last_seen_at": func.greatest(table.c.last_seen_at, fresh.last_seen_at),
            "version": table.c.version + 1,
        },
    )
    return CompiledStatement(counted.returning(table.c.id, table.c.ticket_id, table.c.count, table.c.in_storm))


async def trigger(
    session: AsyncSession, integration_id: UUID, key: str, fact: AlertFact, storm_value: str
) -> tuple[bool, Any]:
    """Whether the alert is new, and its row."""
    now = clock.now()
    values = {
        "id": new_id(),
        "integration_id": integration_id,
        "dedup_key": key,
        "state": AlertState.OPEN,
        "severity": fact.severity,
        "summary": fact.summary,
        "source": fact.source,
        "labels": dict(fact.labels),
        "annotations": dict(fact.annotations),
        "storm_value": storm_value,
        "count": 1,
        "in_storm": False,
        "started_at": fact.started_at,
        "first_seen_at": now,
        "last_seen_at": now,
        "version": 1,
    }
    given = {f"given_{name}": value for name, value in values.items()}
    row = await (await statements_of(session)).fetch_one(_trigger_statement(), given)
    return row["id"] == values["id"], row


@cache
def _unresolved_statement() -> CompiledStatement:
    mine = (Alert.integration_id == _given("integration", Uuid), Alert.dedup_key == _given("key"), _UNRESOLVED)
    columns = (Alert.id, Alert.state, Alert.ticket_id, Alert.started_at, Alert.in_storm, Alert.summary)
    return CompiledStatement(select(*columns).where(*mine).with_for_update())


async def find_unresolved(session: AsyncSession, integration_id: UUID, key: str) -> Any:
    """The alert that is not over, locked, or None."""
    given = {"given_integration": integration_id, "given_key": key}
    return await (await statements_of(session)).fetch_one(_unresolved_statement(), given)


@cache
def _ended_statement() -> CompiledStatement:
    mine = (
        Alert.integration_id == _given("integration", Uuid),
        Alert.dedup_key == _given("key"),
        Alert.resolved_at.is_not(None),
    )
    columns = (Alert.ticket_id, Alert.in_storm, Alert.started_at, Alert.resolved_at)
    return CompiledStatement(select(*columns).where(*mine).order_by(Alert.resolved_at.desc()).limit(1))


async def last_ended(session: AsyncSession, integration_id: UUID, key: str) -> Ended | None:
    given = {"given_integration": integration_id, "given_key": key}
    row = await (await statements_of(session)).fetch_one(_ended_statement(), given)
    if row is None:
        return None
    # What was attached to a storm has no ticket of its own to go on in.
    return Ended(None if row["in_storm"] else row["ticket_id"], row["started_at"], row["resolved_at"])


async def give_ticket(session: AsyncSession, alert_id: UUID, ticket_id: UUID, *, in_storm: bool = False) -> None:
    values = {"ticket_id": ticket_id, "in_storm": in_storm}
    await _change(session, alert_id, values)


async def end(session: AsyncSession, alert_id: UUID) -> None:
    now = clock.now()
    values = {"state": AlertState.RESOLVED, "resolved_at": now, "last_seen_at": now, "version": Alert.version + 1}
    await _change(session, alert_id, values)


async def acknowledge(session: AsyncSession, alert_id: UUID, by: str | None) -> None:
    values = {
        "state": AlertState.ACKNOWLEDGED,
        "acknowledged_at": clock.now(),
        "acknowledged_by": by,
        "version": Alert.version + 1,
    }
    await _change(session, alert_id, values)


async def _change(session: AsyncSession, alert_id: UUID, values: dict[str, Any]) -> None:
    statement = update(Alert).where(Alert.id == alert_id).values(values)
    await session.execute(statement.execution_options(synchronize_session=False))


@cache
def _rate_statement(bound: int) -> CompiledStatement:
    recent = (
        select(literal_column("1"))
        .where(
            Alert.integration_id == _given("integration", Uuid),
            Alert.storm_value == _given("value"),
            Alert.first_seen_at > _given("since", DateTime(timezone=True)),
        )
        .limit(literal_column(str(bound)))
        .subquery()
    )
    return CompiledStatement(select(func.count()).select_from(recent))


async def is_above(session: AsyncSession, integration_id: UUID, value: str, *, limit: int, seconds: int) -> bool:
    """Whether more than `limit` alerts are new in the last seconds, this transaction's included.

    Counted over an index up to the limit. A counter's row would make all senders wait for each other; so those that
    have not committed are not seen, and a storm may be noticed by as many late as there are requests at once.
    """
    given = {
        "given_integration": integration_id,
        "given_value": value,
        "given_since": clock.now() - timedelta(seconds=seconds),
    }
    found = await (await statements_of(session)).fetch_value(_rate_statement(limit + 1), given)
    return bool(found > limit)


async def present_storm(session: AsyncSession, integration_id: UUID, value: str) -> Any:
    """`id`, `ticket_id` and whether it `is_active`; None when there is none."""
    statement: Any = (
        select(AlertStorm.id, AlertStorm.ticket_id, literal_column(f"tickets.{ACTIVE}").label("is_active"))
        .join(Ticket, Ticket.id == AlertStorm.ticket_id)
        .where(
            AlertStorm.integration_id == integration_id,
            AlertStorm.storm_value == value,
            AlertStorm.ended_at.is_(None),
        )
    )
    return (await session.execute(statement)).one_or_none()


async def begin_storm(session: AsyncSession, integration_id: UUID, value: str) -> UUID | None:
    """The new storm, or None when somebody else has just begun it: this waits until they have committed."""
    statement = (
        insert(AlertStorm)
        .values(id=new_id(), integration_id=integration_id, storm_value=value, began_at=clock.now())
        .on_conflict_do_nothing(
            index_elements=[AlertStorm.integration_id, AlertStorm.storm_value],
            index_where=text("ended_at IS NULL"),
        )
        .returning(AlertStorm.id)
    )
    found: UUID | None = await session.scalar(statement)
    return found


async def end_storm(session: AsyncSession, storm_id: UUID) -> None:
    await session.execute(
        update(AlertStorm)
        .where(AlertStorm.id == storm_id, AlertStorm.ended_at.is_(None))
        .values(ended_at=clock.now())
        .execution_options(synchronize_session=False)
    )


async def set_storm_ticket(session: AsyncSession, storm_id: UUID, ticket_id: UUID) -> None:
    await session.execute(
        update(AlertStorm)
        .where(AlertStorm.id == storm_id)
        .values(ticket_id=ticket_id)
        .execution_options(synchronize_session=False)
    )


async def has_unresolved(session: AsyncSession, ticket_id: UUID) -> bool:
    """Whether anything on the ticket still goes on. Ask with the ticket locked, or two last ones miss each other."""
    statement = select(Alert.id).where(Alert.ticket_id == ticket_id, Alert.state != AlertState.RESOLVED).limit(1)
    return (await session.execute(statement)).first() is not None
