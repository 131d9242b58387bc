"""Taking the alerts of one body: all in one transaction.

What can fail of one alert must not cost the others, but a savepoint for each costs more than the alert. So a body is
taken without any at first; only when that fails, from the beginning with one for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.reachability import is_unreachable
from helpdesk_api.database.session import Database, savepoint
from helpdesk_api.domains.alerts import repeats, rules, store, storms, ticketing
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
    reference: str | None = None


class Unforeseen(Exception):
    """Something is wrong with one of a body's alerts: it is to be taken carefully."""


class _Dropped(Exception):
    """Undoes what was written of this alert."""

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason)
        self.reason = reason


async def take_alerts(
    session: AsyncSession,
    database: Database,
    integration: Integration,
    facts: Sequence[AlertFact],
    *,
    hopefully: bool = False,
) -> list[Result]:
    """In the order of the body. One that cannot be taken is told as rejected; it does not cost the others.

    Raises what PostgreSQL refuses for a lock: then the whole body is to be taken anew. `hopefully` raises `Unforeseen`
    and whatever else PostgreSQL refuses as well: then it is to be taken anew without it.
    """
    keyed = [_keyed(fact) for fact in facts]
    counted = await repeats.count_repeats(session, integration.id, keyed)
    take = _take_hopefully if hopefully else _take_carefully
    return [
        _repeated(fact, counted[place]) if place in counted else await take(session, database, integration, fact)
        for place, fact in enumerate(keyed)
    ]


async def _take_hopefully(
    session: AsyncSession, database: Database, integration: Integration, fact: AlertFact
) -> Result:
    try:
        return await _take(session, database, integration, fact)
    except (_Dropped, ProblemError) as error:
        raise Unforeseen from error


async def _take_carefully(
    session: AsyncSession, database: Database, integration: Integration, fact: AlertFact
) -> Result:
    try:
        async with savepoint(session):
            return await _take(session, database, integration, fact, carefully=True)
    except _Dropped as dropped:
        return Result(fact, AlertOutcome.DROPPED, dropped.reason)
    except ProblemError as error:
        logger.warning("alert_rejected", integration=str(integration.id), code=error.code, detail=error.detail)
        return Result(fact, AlertOutcome.REJECTED, DropReason.INVALID, detail=error.detail)
    except DBAPIError as error:
        if is_lock(error) or is_unreachable(error):
            raise
        logger.exception("alert_rejected", integration=str(integration.id))
        return Result(fact, AlertOutcome.REJECTED, DropReason.INVALID, detail="It could not be stored.")


def is_lock(error: DBAPIError) -> bool:
    """Whether somebody else was in the way, and all of it may be tried again."""
    return getattr(error.orig, "sqlstate", None) in _LOCKS


def _repeated(fact: AlertFact, row: Any) -> Result:
    return Result(
        fact,
        AlertOutcome.REPEATED,
        None,
        row["id"],
        row["count"],
        ticket_id=row["ticket_id"],
        reference=row["reference"],
    )


def _keyed(fact: AlertFact) -> AlertFact:
    fact = bounded(fact)
    return fact if fact.dedup_key is not None else replace(fact, dedup_key=new_id().hex)


async def _take(
    session: AsyncSession, database: Database, integration: Integration, fact: AlertFact, *, carefully: bool = False
) -> Result:
    if fact.action is AlertAction.TRIGGER:
        return await _trigger(session, database, integration, fact, carefully=carefully)
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


async def _trigger(
    session: AsyncSession, database: Database, integration: Integration, fact: AlertFact, *, carefully: bool
) -> Result:
    key, value = str(fact.dedup_key), _storm_value(integration, fact)
    is_new, row, last = await store.trigger(session, integration.id, key, fact, value)
    if not is_new:
        return _repeated(fact, row)
    decision = rules.begin(fact, last, clock.now(), integration.flap_window)
    if decision is Begin.TOO_LATE:
        raise _Dropped(DropReason.ALREADY_RESOLVED)
    if decision is Begin.AGAIN and last is not None and last.ticket_id is not None:
        ticket = await ticketing.go_on(session, integration, last.ticket_id, fact)
        if ticket is not None:
            return await _begun(session, fact, AlertOutcome.REOPENED, row["id"], ticket.id, ticket)
    parent = await storms.parent_of(session, database, integration, value)
    if parent is not None:
        return await _begun(session, fact, AlertOutcome.ATTACHED, row["id"], parent)
    ticket = await ticketing.open_for(session, database, integration, fact, carefully=carefully)
    return await _begun(session, fact, AlertOutcome.OPENED, row["id"], ticket.id, ticket)


async def _begun(
    session: AsyncSession,
    fact: AlertFact,
    outcome: AlertOutcome,
    alert_id: UUID,
    ticket_id: UUID,
    ticket: Ticket | None = None,
) -> Result:
    in_storm = outcome is AlertOutcome.ATTACHED
    reference = await store.give_ticket(session, alert_id, ticket_id, in_storm=in_storm)
    return Result(fact, outcome, None, alert_id, 1, ticket, ticket_id, reference=reference)


def _storm_value(integration: Integration, fact: AlertFact) -> str:
    return fact.labels.get(integration.storm_label, "")[:255] if integration.storm_label is not None else ""


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
    # Where it is by now: a merge may have moved it since it was read.
    ticket_id = ticket.id if ticket is not None else found["ticket_id"]
    goes_on = await store.end(session, found["id"], ticket_id)
    # One line for each end of a storm would be a storm of its own.
    if ticket is not None and not (found["in_storm"] and goes_on):
        resolves = integration.on_resolve is ResolveEffect.RESOLVE and not goes_on
        await ticketing.note_end(session, integration, ticket, found["summary"], resolves=resolves)
    return Result(fact, AlertOutcome.RESOLVED, None, found["id"], ticket=ticket, ticket_id=ticket_id)


def shown_id(prefix: str, value: UUID | None) -> str | None:
    return public_id(prefix, value) if value is not None else None
