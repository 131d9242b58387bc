"""Storms: when too many alerts are new, and the one incident that takes them in."""

from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Text, Uuid, bindparam, func, literal_column, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.session import Database
from helpdesk_api.database.types import UtcDateTime
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.alerts import ticketing
from helpdesk_api.domains.alerts.models import Alert, AlertStorm
from helpdesk_api.domains.alerts.queries import Integration
from helpdesk_api.domains.alerts.repeats import take_turn_at_storm
from helpdesk_api.domains.tickets.models import ACTIVE, Ticket


async def parent_of(session: AsyncSession, database: Database, integration: Integration, value: str) -> UUID | None:
    """The incident that takes the new alert in, while more than the limit are new; None below it.

    The limit is exact. Whoever is below it waits until all others below it have committed; above it nobody waits, as
    a count that is above stays so.
    """
    if integration.storm_limit is None:
        return None
    seen = await _look(session, integration, value)
    if seen["recent"] <= integration.storm_limit:
        await take_turn_at_storm(session, integration.id)
        seen = await _look(session, integration, value)
        if seen["recent"] <= integration.storm_limit:
            return None
    if seen["is_active"]:
        found: UUID = seen["ticket_id"]
        return found
    if seen["storm_id"] is not None:
        await _end(session, seen["storm_id"])
    begun = await _begin(session, integration.id, value)
    if begun is None:
        present: UUID | None = (await _look(session, integration, value))["ticket_id"]
        return present
    ticket = await ticketing.open_storm(session, database, integration, value)
    await _set_ticket(session, begun, ticket.id)
    return ticket.id


@cache
def _look_statement() -> CompiledStatement:
    """Counted over an index, and no further than the limit."""
    integration = bindparam("integration", type_=Uuid(as_uuid=True))
    value = bindparam("value", type_=Text)
    most: Any = bindparam("most", type_=BigInteger)
    recent = (
        select(literal_column("1"))
        .where(
            Alert.integration_id == integration,
            Alert.storm_value == value,
            Alert.first_seen_at > bindparam("since", type_=UtcDateTime()),
        )
        .limit(most)
        .subquery()
    )
    present = (
        select(
            AlertStorm.id.label("storm_id"),
            AlertStorm.ticket_id,
            literal_column(f"tickets.{ACTIVE}").label("is_active"),
        )
        .join(Ticket, Ticket.id == AlertStorm.ticket_id)
        .where(AlertStorm.integration_id == integration, AlertStorm.storm_value == value, AlertStorm.ended_at.is_(None))
        .subquery("present")
    )
    counted = select(func.count().label("recent")).select_from(recent).subquery("counted")
    return CompiledStatement(select(counted, present).select_from(counted.outerjoin(present, true())))


async def _look(session: AsyncSession, integration: Integration, value: str) -> Any:
    """How many alerts are `recent`, this transaction's included, and the present storm with its ticket, if any."""
    given = {
        "integration": integration.id,
        "value": value,
        "since": clock.now() - timedelta(seconds=integration.storm_window_seconds),
        "most": (integration.storm_limit or 0) + 1,
    }
    return await (await statements_of(session)).fetch_one(_look_statement(), given)


async def _begin(session: AsyncSession, integration_id: UUID, value: str) -> UUID | None:
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


async def _end(session: AsyncSession, storm_id: UUID) -> None:
    await session.execute(
        update(AlertStorm)
        .where(AlertStorm.id == storm_id, AlertStorm.ended_at.is_(None))
        .values(ended_at=clock.now())
        .execution_options(synchronize_session=False)
    )


async def _set_ticket(session: AsyncSession, storm_id: UUID, ticket_id: UUID) -> None:
    await session.execute(
        update(AlertStorm)
        .where(AlertStorm.id == storm_id)
        .values(ticket_id=ticket_id)
        .execution_options(synchronize_session=False)
    )
