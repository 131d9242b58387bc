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
from helpdesk_api.domains.sla.clock_queries import elapsed_at, events_of
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.sla.clock_schemas import SimulatedChange, SimulatedFacts, SlaSimulate
from helpdesk_api.domains.sla.clock_state import ONGOING, Fact
from helpdesk_api.domains.sla.enums import PolicyKind
from helpdesk_api.domains.sla.errors import SimulationAmbiguous
from helpdesk_api.domains.sla.facts import situation_of
from helpdesk_api.domains.sla.imagining import check_changes, imagined, instants
from helpdesk_api.domains.sla.policy_queries import Promises, promises
from helpdesk_api.domains.sla.replay import Replay, replay
from helpdesk_api.domains.tickets import queries as tickets
from helpdesk_api.domains.tickets.enums import PendingReason, TicketStatus
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import TICKETS

_STATUS_AFTER = {
    "pend": TicketStatus.PENDING,
    "resume": TicketStatus.IN_PROGRESS,
    "resolve": TicketStatus.RESOLVED,
}
_REPLIES = frozenset({"reply", "requester_reply"})


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
    for change, at in zip(body.changes, instants(body.changes, begun), strict=True):
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


def _change(
    told: Replay,
    ticket: SimpleNamespace,
    change: SimulatedChange,
    at: datetime,
    promised: Promises,
    principal: Principal,
) -> None:
    before = situation_of(ticket)
    for name in ("priority", "category_id", "team_id"):
        value = getattr(change, name)
        if value is not None:
            setattr(ticket, name, value)
    if change.action in _STATUS_AFTER:
        ticket.status = _STATUS_AFTER[change.action]
        pends = change.action == "pend"
        ticket.pending_reason = (change.pending_reason or PendingReason.REQUESTER) if pends else None
    elif change.action == "assign":
        ticket.assignee_id = change.assignee_id or principal.user_id
    elif change.action in _REPLIES:
        ticket.public_comment_count += 1
    after = situation_of(ticket)
    fact = Fact(
        at,
        before,
        after,
        staff_replied=change.action == "reply",
        requester_replied=change.action == "requester_reply",
    )
    told.clocks.apply(fact, promised.plan(ticket, at), told.facts)
    told.facts.append(fact)


def _shown(one: Any, promised: Promises, at: datetime) -> dict[str, Any]:
    used, elapsed = elapsed_at(one, promised, at)
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
