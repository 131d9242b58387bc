"""Clocks of one ticket between their rows and their rules: read, moved, written, and told in the one log."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.writes import Loader, insert_at_flush, new_entity, statements_of, update_at_flush
from helpdesk_api.domains.sla import events
from helpdesk_api.domains.sla.clock_models import SlaClock
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.sla.clock_state import NONE, ONGOING, RESPONSES, Change
from helpdesk_api.domains.sla.enums import ClockState, Metric, PolicyKind
from helpdesk_api.domains.sla.policy_queries import Promises
from helpdesk_api.domains.tickets.enums import SlaState
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import IDS
from helpdesk_api.outbox.events import Cause, Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.schemas import instant_text

CLOCKS = Loader(SlaClock)
_HELD = "sla_clocks"
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


async def clocks_by_ticket(session: AsyncSession, ticket_ids: Sequence[UUID]) -> dict[UUID, list[SlaClock]]:
    """The clocks of many tickets whose rows the transaction has locked; nothing is written back by itself."""
    found: dict[UUID, list[SlaClock]] = {ticket_id: [] for ticket_id in ticket_ids}
    for row in await (await statements_of(session)).fetch(_clocks_of_tickets(), {"ids": list(ticket_ids)}):
        one = CLOCKS.entity(row)
        found[one.ticket_id].append(one)
    return found


async def read_clocks(session: AsyncSession, ticket_id: UUID) -> list[SlaClock]:
    """All clocks of a ticket whose row the transaction has locked; their changes are written at the flush.

    Read once a transaction: what it has moved or begun since is in the list, written or not.
    """
    held: dict[UUID, list[SlaClock]] = session.info.setdefault(_HELD, {})
    if ticket_id in held:
        return held[ticket_id]
    rows = await (await statements_of(session)).fetch(_select_clocks(), {"ticket_id": ticket_id})
    clocks = [CLOCKS.entity(row) for row in rows]
    for clock in clocks:
        update_at_flush(session, clock)
    held[ticket_id] = clocks
    return clocks


def no_clocks_yet(session: AsyncSession, ticket_id: UUID) -> list[SlaClock]:
    """For a ticket that the transaction itself opens."""
    held: dict[UUID, list[SlaClock]] = session.info.setdefault(_HELD, {})
    return held.setdefault(ticket_id, [])


def clocks_of(session: AsyncSession, ticket_id: UUID, promises: Promises, clocks: list[SlaClock]) -> TicketClocks:
    """The rules' view of these rows; a clock that they start is a new row."""
    return TicketClocks(
        clocks=clocks,
        hours_of=promises.hours.__getitem__,
        steps_of=promises.steps_of,
        new_clock=partial(_new_row, session, ticket_id),
    )


def _new_row(session: AsyncSession, ticket_id: UUID, **given: Any) -> SlaClock:
    clock = new_entity(
        SlaClock,
        id=new_id(),
        ticket_id=ticket_id,
        state=ClockState.RUNNING,
        used=NONE,
        used_calendar=NONE,
        paused_at=None,
        ended_at=None,
        due_at=None,
        manual_due_at=None,
        breached_at=None,
        fired=[],
        next_timer_at=None,
        **given,
    )
    insert_at_flush(session, clock)
    return clock


def summarise(ticket: Ticket, clocks: Iterable[SlaClock]) -> None:
    """Write down on the ticket what lists show: the next due time, and the worst state of what was promised."""
    promised = [clock for clock in clocks if clock.kind is PolicyKind.SLA]
    running = [clock for clock in promised if clock.state is ClockState.RUNNING]
    due = min((clock.due_at for clock in running if clock.due_at is not None), default=None)
    state = _worst(promised)
    if ticket.sla_due_at != due:
        ticket.sla_due_at = due
    if ticket.sla_state is not state:
        ticket.sla_state = state
    awaits = any(clock.state in ONGOING and clock.metric in (*RESPONSES, Metric.UPDATE) for clock in clocks)
    if ticket.awaits_reply is not awaits:
        ticket.awaits_reply = awaits


def summarise_unasked(ticket: Ticket, clocks: Iterable[SlaClock]) -> None:
    """The same where nobody changed the ticket: its versions move with what readers see, its last change does not."""
    before = (ticket.sla_state, ticket.sla_due_at)
    summarise(ticket, clocks)
    if (ticket.sla_state, ticket.sla_due_at) != before:
        ticket.version += 1
        ticket.public_version += 1


def _worst(promised: Sequence[SlaClock]) -> SlaState | None:
    if any(clock.breached_at is not None for clock in promised):
        return SlaState.BREACHED
    states = {clock.state for clock in promised}
    for clock_state, state in (
        (ClockState.RUNNING, SlaState.RUNNING),
        (ClockState.PAUSED, SlaState.PAUSED),
        (ClockState.MET, SlaState.MET),
    ):
        if clock_state in states:
            return state
    return None


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
    clock: SlaClock = change.clock
    is_public = clock.kind is PolicyKind.SLA
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
            "kind": clock.kind.value,
            "metric": clock.metric.value,
            "cycle": clock.cycle,
            "policy_id": public_id("slp", clock.policy_id),
            "policy_version": clock.policy_number,
            "calendar_id": public_id("cal", clock.calendar_id),
            "target_seconds": int(clock.target.total_seconds()),
            "due_at": shown("due_at", clock.due_at),
            "manual_due_at": shown("manual_due_at", clock.manual_due_at),
            "started_at": shown("started_at", clock.started_at),
            "reason": change.reason.value if change.reason else None,
            "step": change.step,
        },
        entity=clock,
        ticket=ticket,
        occurred_at=change.at,
    )


def shown(name: str, value: Any) -> Any:
    """As events show it: prefixed ids, durations in seconds, instants as in RFC 3339."""
    if isinstance(value, UUID):
        return public_id(_PREFIXES[name], value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime):
        return instant_text(value)
    return value.value if isinstance(value, StrEnum) else value
