"""What would be: the same rules on facts that did not happen. Writes nothing."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import public_id
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.domains.sla.clock_queries import events_of
from helpdesk_api.domains.sla.clock_reading import elapsed_at
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.sla.clock_schemas import SimulatedChange, SimulatedFacts, SlaSimulate
from helpdesk_api.domains.sla.clock_state import ONGOING, Fact
from helpdesk_api.domains.sla.enums import PolicyKind
from helpdesk_api.domains.sla.errors import SimulationAmbiguous, SimulationContradictory
from helpdesk_api.domains.sla.facts import situation_of
from helpdesk_api.domains.sla.imagining import check_changes, imagined, instants
from helpdesk_api.domains.sla.policy_queries import Promises, promises
from helpdesk_api.domains.sla.replay import Replay, replay
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets.enums import PendingReason, TicketAction, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import TICKETS
from helpdesk_api.domains.tickets.rules import FINAL_STATUSES, inside_window, status_after
from helpdesk_api.domains.tickets.windows import reopen_window

_MOVES = {"pend": TicketAction.PEND, "resume": TicketAction.RESUME, "resolve": TicketAction.RESOLVE}
_FIELDS = ("priority", "category_id", "team_id")
# The requester's word moves the ticket, by the same rule as their comment does.
_ANSWERED_BY = {TicketStatus.PENDING: TicketAction.RESUME, TicketStatus.RESOLVED: TicketAction.REOPEN}


async def simulate(reads: ReadSession, database: Database, principal: Principal, body: SlaSimulate) -> dict[str, Any]:
    """Raises `simulation_ambiguous`, `ticket_not_found`, `unknown_reference`, `simulation_contradictory` and
    `simulation_out_of_order`."""
    if (body.ticket_id is None) == (body.facts is None):
        raise SimulationAmbiguous(pointer="#/facts")
    promised = await promises(database)
    sees_internal = principal.is_staff
    if body.ticket_id is not None:
        row = await tickets.get_row(reads, principal, public_id("tkt", body.ticket_id))
        sees_internal = row["internal"]
        ticket, told = await _existing(reads, body.ticket_id, promised)
    else:
        ticket = await imagined(reads, database, principal, body.facts or SimulatedFacts())
        told = _opened(ticket, promised)
    await check_changes(reads, database, principal, body.changes)
    at = told.facts[-1].at
    # A promise that came into force after the last fact was applied at its own instant.
    begun = max([at, *(one.counted_at for one in told.clocks.ongoing())])
    for place, (change, at) in enumerate(zip(body.changes, instants(body.changes, begun), strict=True)):
        _check_possible(ticket, change, f"#/changes/{place}")
        _change(told, ticket, change, at, promised, principal)
    if body.ticket_id is not None:
        at = max(at, clock.now())
    for one in told.clocks.ongoing():
        told.clocks.settle(one, max(at, one.counted_at))
        told.clocks.schedule(one)
    shown = [one for one in told.clocks.clocks if sees_internal or one.kind is PolicyKind.SLA]
    return {"as_of": at, "clocks": [_shown(one, promised, at) for one in shown]}


async def _existing(reads: ReadSession, ticket_id: Any, promised: Promises) -> tuple[SimpleNamespace, Replay]:
    row = await reads.fetch_one(select(*TICKETS.columns).where(Ticket.id == ticket_id))
    held = TICKETS.entity(row)
    ticket = SimpleNamespace(**{name: getattr(held, name) for name in TICKETS.names})
    return ticket, replay(await events_of(reads, ticket_id), promised)


def _opened(ticket: SimpleNamespace, promised: Promises) -> Replay:
    clocks = TicketClocks([], promised.hours.__getitem__, promised.steps_of)
    fact = Fact(ticket.created_at, None, situation_of(ticket))
    clocks.apply(fact, promised.plan(ticket, fact.at))
    return Replay(clocks, [fact])


def _check_possible(ticket: SimpleNamespace, change: SimulatedChange, pointer: str) -> None:
    """Raises `simulation_contradictory` for what the ticket's status does not allow, or that it was merged."""
    if ticket.merged_into_id is not None:
        message = "It was merged into another ticket, and nothing happens to it any more."
        raise SimulationContradictory(message, pointer=pointer)
    is_final = ticket.status in FINAL_STATUSES
    for name in _FIELDS:
        if is_final and getattr(change, name) is not None:
            message = f"It stays as it is once the ticket is {ticket.status}."
            raise SimulationContradictory(message, pointer=f"{pointer}/{name}")
    cannot_move = change.action in _MOVES and _after(ticket, _MOVES[change.action]) is None
    if cannot_move or (is_final and change.action == "assign"):
        message = f"`{change.action}` is not possible while the ticket is {ticket.status}."
        raise SimulationContradictory(message, pointer=f"{pointer}/action")


def _change(
    told: Replay,
    ticket: SimpleNamespace,
    change: SimulatedChange,
    at: datetime,
    promised: Promises,
    principal: Principal,
) -> None:
    before = situation_of(ticket)
    for name in _FIELDS:
        value = getattr(change, name)
        if value is not None:
            setattr(ticket, name, value)
    # What comes too late opens a follow-up, and leaves this ticket as it is.
    asked = change.action == "requester_reply" and not _is_too_late(ticket, at)
    if change.action in _MOVES:
        _move(ticket, _MOVES[change.action], at)
        if change.action == "pend":
            ticket.pending_reason = change.pending_reason or PendingReason.REQUESTER
    elif change.action == "assign":
        ticket.assignee_id = change.assignee_id or principal.user_id
    elif change.action == "reply" or asked:
        ticket.public_comment_count += 1
    staff_replied = change.action == "reply"
    fact = Fact(at, before, situation_of(ticket), staff_replied=staff_replied, requester_replied=asked)
    _apply(told, ticket, fact, promised)
    if asked and ticket.status in _ANSWERED_BY:
        _move(ticket, _ANSWERED_BY[ticket.status], at)
        _apply(told, ticket, Fact(at, fact.after, situation_of(ticket)), promised)


def _apply(told: Replay, ticket: SimpleNamespace, fact: Fact, promised: Promises) -> None:
    told.clocks.apply(fact, promised.plan(ticket, fact.at), told.facts)
    told.facts.append(fact)


def _move(ticket: SimpleNamespace, action: TicketAction, at: datetime) -> None:
    """Only what the table has."""
    ticket.status = _after(ticket, action)
    ticket.pending_reason = None
    ticket.resolved_at = at if action is TicketAction.RESOLVE else None
    if action is TicketAction.REOPEN:
        ticket.reopened_count += 1


def _after(ticket: SimpleNamespace, action: TicketAction) -> TicketStatus | None:
    return status_after(ticket.status, action, is_assigned=ticket.assignee_id is not None)


def _is_too_late(ticket: SimpleNamespace, at: datetime) -> bool:
    if ticket.status is TicketStatus.RESOLVED:
        return not inside_window(ticket.resolved_at, at, reopen_window())
    return ticket.status in FINAL_STATUSES


def _shown(one: Any, promised: Promises, at: datetime) -> dict[str, Any]:
    used, elapsed = elapsed_at(one, promised.hours[one.calendar_id], at)
    late = one.breached_at is not None or (one.state in ONGOING and one.due_at is not None and one.due_at < at)
    return {
        "kind": one.kind,
        "metric": one.metric,
        "cycle": one.cycle,
        "state": one.state,
        "policy_id": one.policy_id,
        "policy_version": one.policy_number,
        "calendar_id": one.calendar_id,
        "target_seconds": int(one.target.total_seconds()),
        "started_at": one.started_at,
        "ended_at": one.ended_at,
        "due_at": one.due_at,
        "is_breached": late,
        "breached_at": one.breached_at or (one.due_at if late else None),
        "elapsed": {"working_seconds": used.total_seconds(), "calendar_seconds": elapsed.total_seconds()},
    }
