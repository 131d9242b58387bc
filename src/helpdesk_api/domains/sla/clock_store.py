"""Clocks of one ticket between their rows and their rules: read, moved, written, and told in the one log."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.writes import Rows, rows_by_owner, statements_of
from helpdesk_api.domains.sla import events
from helpdesk_api.domains.sla.clock_models import SlaClock, StoredClock
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.sla.clock_state import ONGOING, RESPONSES, Change, places_told
from helpdesk_api.domains.sla.enums import ClockChange, ClockState, Metric, PolicyKind
from helpdesk_api.domains.sla.policy_queries import Promises
from helpdesk_api.domains.tickets.enums import SlaState
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import IDS
from helpdesk_api.outbox.events import Cause, Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.schemas import instant_text

CLOCKS = Rows(StoredClock, SlaClock)
_ANSWERED = frozenset({*RESPONSES, Metric.UPDATE})
_SHOWN = {
    ClockState.RUNNING: SlaState.RUNNING,
    ClockState.PAUSED: SlaState.PAUSED,
    ClockState.MET: SlaState.MET,
}
_BADNESS = {None: 0, SlaState.MET: 1, SlaState.PAUSED: 2, SlaState.RUNNING: 3, SlaState.BREACHED: 4}
_NAMES = {"policy_number": "policy_version", "target": "target_seconds"}
_PREFIXES = {"policy_id": "slp", "calendar_id": "cal"}


@cache
def _select_clocks() -> CompiledStatement:
    of_ticket = SlaClock.ticket_id == bindparam("ticket_id", type_=Uuid(as_uuid=True))
    return CompiledStatement(select(*CLOCKS.columns).where(of_ticket).order_by(SlaClock.started_at, SlaClock.id))


@cache
def _clocks_of_tickets() -> CompiledStatement:
    given = SlaClock.ticket_id == any_(bindparam("ids", type_=IDS))
    return CompiledStatement(select(*CLOCKS.columns).where(given).order_by(SlaClock.ticket_id, SlaClock.id))


async def clocks_by_ticket(session: AsyncSession, ticket_ids: Sequence[UUID]) -> dict[UUID, list[StoredClock]]:
    """The clocks of many tickets whose rows the transaction has locked; nothing is written back by itself."""
    found: dict[UUID, list[StoredClock]] = {ticket_id: [] for ticket_id in ticket_ids}
    for row in await (await statements_of(session)).fetch(_clocks_of_tickets(), {"ids": list(ticket_ids)}):
        one = CLOCKS.load(row)
        found[one.ticket_id].append(one)
    return found


async def read_clocks(session: AsyncSession, ticket_id: UUID) -> list[StoredClock]:
    """All clocks of a ticket whose row the transaction has locked; their changes are written at its end.

    Read once a transaction: what it has moved or begun since is in the list, written or not.
    """
    held: dict[UUID, list[StoredClock]] = rows_by_owner(session)
    if ticket_id in held:
        return held[ticket_id]
    rows = await (await statements_of(session)).fetch(_select_clocks(), {"ticket_id": ticket_id})
    clocks = [CLOCKS.load(row) for row in rows]
    for clock in clocks:
        CLOCKS.update_at_end(session, clock)
    held[ticket_id] = clocks
    return clocks


def no_clocks_yet(session: AsyncSession, ticket_id: UUID) -> list[StoredClock]:
    """For a ticket that the transaction itself opens."""
    held: dict[UUID, list[StoredClock]] = rows_by_owner(session)
    return held.setdefault(ticket_id, [])


def clocks_of(session: AsyncSession, ticket_id: UUID, promises: Promises, clocks: list[StoredClock]) -> TicketClocks:
    """The rules' view of these rows; a clock that they start is a new row."""
    return TicketClocks(
        clocks=clocks,
        hours_of=promises.hours.__getitem__,
        steps_of=promises.steps_of,
        new_clock=partial(_new_row, session, ticket_id),
    )


def _new_row(session: AsyncSession, ticket_id: UUID, **given: Any) -> StoredClock:
    clock = StoredClock(id=new_id(), ticket_id=ticket_id, **given)
    CLOCKS.insert_at_end(session, clock)
    return clock


def summarise(ticket: Ticket, clocks: Iterable[StoredClock]) -> None:
    """Write down on the ticket what lists show: the next due time, and the worst state of what was promised."""
    due: datetime | None = None
    worst: SlaState | None = None
    awaits = False
    for clock in clocks:
        state = clock.state
        awaits = awaits or (state in ONGOING and clock.metric in _ANSWERED)
        if clock.kind is not PolicyKind.SLA:
            continue
        worst = _worse(worst, SlaState.BREACHED if clock.breached_at is not None else _SHOWN.get(state))
        if state in ONGOING and clock.due_at is not None and (due is None or clock.due_at < due):
            due = clock.due_at
    if ticket.sla_due_at != due:
        ticket.sla_due_at = due
    if ticket.sla_state is not worst:
        ticket.sla_state = worst
    if ticket.awaits_reply is not awaits:
        ticket.awaits_reply = awaits


def summarise_unasked(ticket: Ticket, clocks: Iterable[StoredClock]) -> None:
    """The same where nobody changed the ticket: its versions move with what readers see, its last change does not."""
    before = (ticket.sla_state, ticket.sla_due_at)
    summarise(ticket, clocks)
    if (ticket.sla_state, ticket.sla_due_at) != before:
        ticket.version += 1
        ticket.public_version += 1


def _worse(one: SlaState | None, other: SlaState | None) -> SlaState | None:
    return one if _BADNESS[one] >= _BADNESS[other] else other


async def tell(
    session: AsyncSession,
    ticket: Ticket,
    changes: Sequence[Change],
    *,
    cause: Cause | None = None,
    principal: Principal | None = None,
    note: str | None = None,
    imported: bool = False,
) -> None:
    """One event for each change, with the true instant; OLAs and contracts are the staff's own business."""
    for change in changes:
        event = _event(ticket, change)
        if note is not None:
            event.internal_data["note"] = note
        if imported:
            event.data["imported"] = True
        await record(session, principal or Principal.system(), event, cause=cause)


def _event(ticket: Ticket, change: Change) -> events.SlaEvent:
    clock: StoredClock = change.clock
    is_public = clock.kind is PolicyKind.SLA
    under = change.under or (clock.policy_id, clock.policy_number, clock.calendar_id, clock.target)
    return events.BY_CHANGE[change.kind](
        subject_id=clock.id,
        ticket_id=ticket.id,
        visibility=Visibility.PUBLIC if is_public else Visibility.INTERNAL,
        changes={
            _NAMES.get(name, name): (shown(name, before), shown(name, getattr(clock, name)))
            for name, before in change.before.items()
        },
        data={
            "reference": ticket.reference,
            "sla_id": public_id("sla", clock.id),
            "cycle": clock.cycle,
            **_promise(clock.kind, clock.metric, *under),
            "due_at": instant_text(clock.due_at) if clock.due_at is not None else None,
            "manual_due_at": instant_text(clock.manual_due_at) if clock.manual_due_at is not None else None,
            "started_at": instant_text(clock.started_at),
            "reason": change.reason.value if change.reason else None,
            "step": change.step,
            # Also says that the steps are known by what they are: earlier releases kept their places alone.
            **({"steps_told": places_told(clock.fired)} if change.kind is ClockChange.RECOMPUTED else {}),
        },
        entity=clock,
        ticket=ticket,
        occurred_at=change.at,
    )


@lru_cache(maxsize=1_000)
def _promise(
    kind: PolicyKind, metric: Metric, policy_id: UUID, number: int, calendar_id: UUID, target: timedelta
) -> Mapping[str, Any]:
    """What all clocks of one promise tell alike."""
    return {
        "kind": kind.value,
        "metric": metric.value,
        "policy_id": public_id("slp", policy_id),
        "policy_version": number,
        "calendar_id": public_id("cal", calendar_id),
        "target_seconds": int(target.total_seconds()),
    }


def shown(name: str, value: Any) -> Any:
    """As events show it: prefixed ids, durations in seconds, instants as in RFC 3339."""
    if value is None:
        return None
    if isinstance(value, UUID):
        return public_id(_PREFIXES[name], value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return instant_text(value)
    return value.value if isinstance(value, StrEnum) else value
