"""The alerts' rows: every trigger is one INSERT … ON CONFLICT, whose unique index decides between all senders."""

from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CTE, Table, Text, Uuid, bindparam, exists, func, literal_column, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.alerts.enums import AlertState
from helpdesk_api.domains.alerts.facts import AlertFact
from helpdesk_api.domains.alerts.models import Alert
from helpdesk_api.domains.alerts.repeats import reference_of_ticket
from helpdesk_api.domains.alerts.rules import Ended
from helpdesk_api.domains.tickets.models import Ticket

_UNRESOLVED = text("state <> 'resolved'")


def _given(name: str, kind: Any = Text) -> Any:
    return bindparam(f"given_{name}", type_=kind)


_INSERTED = (
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


def _inserting() -> CTE:
    """A new row, or one more on the one that is there."""
    table = cast("Table", Alert.__table__)
    statement = insert(table).values({name: bindparam(f"given_{name}", type_=table.c[name].type) for name in _INSERTED})
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
    return counted.returning(table.c.id, table.c.ticket_id, table.c.count).cte("made")


@cache
def _trigger_statement() -> CompiledStatement:
    """With the ticket's reference, and the last alert of the key that is over."""
    made, before = _inserting(), aliased(Alert)
    last = (
        select(before.ticket_id, before.in_storm, before.started_at, before.resolved_at)
        .where(
            before.integration_id == bindparam("given_integration_id", type_=Uuid(as_uuid=True)),
            before.dedup_key == bindparam("given_dedup_key", type_=Text),
            before.resolved_at.is_not(None),
        )
        .order_by(before.resolved_at.desc())
        .limit(1)
        .subquery("last")
    )
    columns = [column.label(f"last_{column.name}") for column in last.c]
    known = made.outerjoin(Ticket, Ticket.id == made.c.ticket_id).outerjoin(last, true())
    return CompiledStatement(select(made, Ticket.reference, *columns).select_from(known))


async def trigger(
    session: AsyncSession, integration_id: UUID, key: str, fact: AlertFact, storm_value: str
) -> tuple[bool, Any, Ended | None]:
    """Whether the alert is new, its row, and the last one of the key that is over."""
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
    return row["id"] == values["id"], row, _ended(row)


def _ended(row: Any) -> Ended | None:
    if row["last_resolved_at"] is None:
        return None
    # What was attached to a storm has no ticket of its own to go on in.
    ticket_id = None if row["last_in_storm"] else row["last_ticket_id"]
    return Ended(ticket_id, row["last_started_at"], row["last_resolved_at"])


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
def _change_statement(names: tuple[str, ...]) -> CompiledStatement:
    table = cast("Table", Alert.__table__)
    values: dict[str, Any] = {name: bindparam(f"given_{name}", type_=table.c[name].type) for name in names}
    if "state" in names:
        values["version"] = table.c.version + 1
    mine = table.c.id == bindparam("given_id", type_=Uuid(as_uuid=True))
    return CompiledStatement(update(table).where(mine).values(values).returning(reference_of_ticket()))


async def _change(session: AsyncSession, alert_id: UUID, **values: Any) -> str | None:
    """The reference of its ticket, as it is by then."""
    given = {"given_id": alert_id, **{f"given_{name}": value for name, value in values.items()}}
    found: str | None = await (await statements_of(session)).fetch_value(_change_statement(tuple(values)), given)
    return found


async def give_ticket(session: AsyncSession, alert_id: UUID, ticket_id: UUID, *, in_storm: bool = False) -> str | None:
    """Returns the ticket's reference."""
    return await _change(session, alert_id, ticket_id=ticket_id, in_storm=in_storm)


@cache
def _end_statement() -> CompiledStatement:
    table, other = cast("Table", Alert.__table__), aliased(Alert)
    now = bindparam("given_now", type_=table.c.resolved_at.type)
    on_same = (
        other.ticket_id == bindparam("given_ticket_id", type_=Uuid(as_uuid=True)),
        other.id != table.c.id,
        other.state != literal_column("'resolved'"),
    )
    goes_on = exists(select(other.id).where(*on_same).correlate(table)).label("goes_on")
    ended = {"state": literal_column("'resolved'"), "resolved_at": now, "last_seen_at": now}
    mine = table.c.id == bindparam("given_id", type_=Uuid(as_uuid=True))
    return CompiledStatement(update(table).where(mine).values(**ended, version=table.c.version + 1).returning(goes_on))


async def end(session: AsyncSession, alert_id: UUID, ticket_id: UUID | None) -> bool:
    """Whether anything else on the ticket goes on. Ask with the ticket locked, or two last ones miss each other."""
    given = {"given_id": alert_id, "given_ticket_id": ticket_id, "given_now": clock.now()}
    return bool(await (await statements_of(session)).fetch_value(_end_statement(), given))


async def acknowledge(session: AsyncSession, alert_id: UUID, by: str | None) -> None:
    values = {"state": AlertState.ACKNOWLEDGED, "acknowledged_at": clock.now(), "acknowledged_by": by}
    await _change(session, alert_id, **values)
