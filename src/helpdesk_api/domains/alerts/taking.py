"""Taking the alerts of one body: all in one transaction, each in a savepoint of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database, savepoint
from helpdesk_api.domains.alerts import rules, store, ticketing
from helpdesk_api.domains.alerts.enums import AlertAction, AlertOutcome, DropReason, ResolveEffect
from helpdesk_api.domains.alerts.facts import AlertFact, bounded
from helpdesk_api.domains.alerts.queries import Integration
from helpdesk_api.domains.alerts.rules import Begin
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.web.errors import ProblemError

logger = structlog.get_logger(__name__)
_LOCKS = frozenset({"55P03", "40P01"})


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one alert. `ticket` is as it is now, and only for whoever has just changed it."""

    fact: AlertFact
    outcome: AlertOutcome
    reason: DropReason | None = None
    alert_id: UUID | None = None
    count: int | None = None
    ticket: Any = None
    ticket_id: UUID | None = None
    detail: str | None = None


class _Dropped(Exception):
    """Undoes what was written of this alert."""

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason)
        self.reason = reason


async def take_alerts(
    session: AsyncSession, database: Database, integration: Integration, facts: Sequence[AlertFact]
) -> list[Result]:
    """In the order of the body. One that cannot be taken is told as rejected; it does not cost the others.

    Raises what PostgreSQL refuses for a lock: then the whole body is to be taken anew.
    """
    keyed = [_keyed(fact) for fact in facts]
    await store.take_turns(session, integration.id, [str(fact.dedup_key) for fact in keyed])
    results: list[Result] = []
    for fact in keyed:
        try:
            async with savepoint(session):
                result = await _take(session, database, integration, fact)
        except _Dropped as dropped:
            result = Result(fact, AlertOutcome.DROPPED, dropped.reason)
        except ProblemError as error:
            result = Result(fact, AlertOutcome.REJECTED, DropReason.INVALID, detail=error.detail)
            logger.warning("alert_rejected", integration=str(integration.id), code=error.code, detail=error.detail)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in _LOCKS:
                raise
            logger.exception("alert_rejected", integration=str(integration.id))
            result = Result(fact, AlertOutcome.REJECTED, DropReason.INVALID, detail="It could not be stored.")
        results.append(result)
    return results


def _keyed(fact: AlertFact) -> AlertFact:
    fact = bounded(fact)
    return fact if fact.dedup_key is not None else replace(fact, dedup_key=new_id().hex)


async def _take(session: AsyncSession, database: Database, integration: Integration, fact: AlertFact) -> Result:
    if fact.action is AlertAction.TRIGGER:
        return await _trigger(session, database, integration, fact)
    found = await store.find_unresolved(session, integration.id, str(fact.dedup_key))
    state, started_at = (found["state"], found["started_at"]) if found is not None else (None, None)
    refused = rules.end_refused(fact, state, started_at)
    if refused is not None:
        return Result(
            fact,
            AlertOutcome.DROPPED,
            refused,
            found["id"] if found is not None else None,
            ticket_id=found["ticket_id"] if found is not None else None,
        )
    if fact.action is AlertAction.ACKNOWLEDGE:
        return await _acknowledge(session, database, integration, fact, found)
    return await _resolve(session, integration, fact, found)


async def _trigger(session: AsyncSession, database: Database, integration: Integration, fact: AlertFact) -> Result:
    key, value = str(fact.dedup_key), _storm_value(integration, fact)
    is_new, row = await store.trigger(session, integration.id, key, fact, value)
    if not is_new:
        return Result(fact, AlertOutcome.REPEATED, None, row["id"], row["count"], ticket_id=row["ticket_id"])
    last = await store.last_ended(session, integration.id, key)
    decision = rules.begin(fact, last, clock.now(), integration.flap_window)
    if decision is Begin.TOO_LATE:
        raise _Dropped(DropReason.ALREADY_RESOLVED)
    if decision is Begin.AGAIN and last is not None and last.ticket_id is not None:
        ticket = await ticketing.go_on(session, integration, last.ticket_id, fact)
        if ticket is not None:
            await store.give_ticket(session, row["id"], ticket.id)
            return Result(fact, AlertOutcome.REOPENED, None, row["id"], 1, ticket, ticket.id)
    parent = await _storm(session, database, integration, value)
    if parent is not None:
        await store.give_ticket(session, row["id"], parent, in_storm=True)
        return Result(fact, AlertOutcome.ATTACHED, None, row["id"], 1, ticket_id=parent)
    ticket = await ticketing.open_for(session, database, integration, fact)
    await store.give_ticket(session, row["id"], ticket.id)
    return Result(fact, AlertOutcome.OPENED, None, row["id"], 1, ticket, ticket.id)


def _storm_value(integration: Integration, fact: AlertFact) -> str:
    return fact.labels.get(integration.storm_label, "")[:255] if integration.storm_label is not None else ""


async def _storm(session: AsyncSession, database: Database, integration: Integration, value: str) -> UUID | None:
    """The incident that takes the alert in, while too many are new."""
    limit, seconds = integration.storm_limit, integration.storm_window_seconds
    if limit is None or not await store.is_above(session, integration.id, value, limit=limit, seconds=seconds):
        return None
    present = await store.present_storm(session, integration.id, value)
    if present is not None and present.is_active:
        return UUID(bytes=present.ticket_id.bytes)
    if present is not None:
        await store.end_storm(session, present.id)
    begun = await store.begin_storm(session, integration.id, value)
    if begun is None:
        present = await store.present_storm(session, integration.id, value)
        return present.ticket_id if present is not None else None
    ticket = await ticketing.open_storm(session, database, integration, value)
    await store.set_storm_ticket(session, begun, ticket.id)
    return ticket.id


async def _acknowledge(
    session: AsyncSession, database: Database, integration: Integration, fact: AlertFact, found: Any
) -> Result:
    await store.acknowledge(session, found["id"], fact.by)
    ticket: Ticket | None = None
    if not found["in_storm"]:
        ticket = await ticketing.take_over(session, database, integration, found["ticket_id"], fact)
    return Result(fact, AlertOutcome.ACKNOWLEDGED, None, found["id"], ticket=ticket, ticket_id=found["ticket_id"])


async def _resolve(session: AsyncSession, integration: Integration, fact: AlertFact, found: Any) -> Result:
    ticket = await ticketing.lock(session, integration, found["ticket_id"])
    await store.end(session, found["id"])
    # Where it is by now: a merge may have moved it since it was read.
    ticket_id = ticket.id if ticket is not None else found["ticket_id"]
    goes_on = await store.has_unresolved(session, ticket_id)
    # One line for each end of a storm would be a storm of its own.
    if ticket is not None and not (found["in_storm"] and goes_on):
        resolves = integration.on_resolve is ResolveEffect.RESOLVE and not goes_on
        await ticketing.note_end(session, integration, ticket, found["summary"], resolves=resolves)
    return Result(fact, AlertOutcome.RESOLVED, None, found["id"], ticket=ticket, ticket_id=ticket_id)


def shown_id(prefix: str, value: UUID | None) -> str | None:
    return public_id(prefix, value) if value is not None else None
