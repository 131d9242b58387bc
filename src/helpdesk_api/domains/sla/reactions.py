"""Clocks follow the ticket inside its own transaction, so that each answer already shows where they stand."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.domains.comments.events import CommentCreated
from helpdesk_api.domains.sla.clock_models import StoredClock
from helpdesk_api.domains.sla.clock_past import is_reopened, last_by_key, may_come_back, may_go_on
from helpdesk_api.domains.sla.clock_state import Fact, Plan
from helpdesk_api.domains.sla.clock_store import clocks_of, no_clocks_yet, read_clocks, summarise, tell
from helpdesk_api.domains.sla.enums import Metric
from helpdesk_api.domains.sla.facts import changed_situation, facts_of, said_by, situation_of
from helpdesk_api.domains.sla.importing import import_turns, rest
from helpdesk_api.domains.sla.policy_queries import Promises, promises_within
from helpdesk_api.domains.sla.policy_rules import PRICED
from helpdesk_api.domains.tickets.events import TicketCreated, TicketEvent, TicketMerged
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.events import Cause, DomainEvent, Visibility

_COUNTED = frozenset({"public_comment_count"})


async def start_clocks(session: AsyncSession, principal: Principal, event: TicketCreated) -> None:
    """After routing, before the row is written: no statement but the one that inserts them."""
    del principal
    ticket: Ticket = event.ticket
    promises = await promises_within(session)
    fact = Fact(_instant(event), None, situation_of(ticket))
    if event.data.get("imported") or clock.is_importing():
        ticket.imported_until = fact.at
    await _follow(session, ticket, promises, fact, Cause(event.id), is_new=True)


async def move_clocks(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """One SELECT and one UPDATE when the change is one that clocks or policies look at, else nothing."""
    del principal
    ticket: Ticket = event.ticket
    turns = await import_turns(session, ticket, _instant(event))
    changed = event.changes.keys() | event.internal_changes.keys()
    if isinstance(event, TicketMerged):
        changed |= _COUNTED
    promises = await promises_within(session)
    if not turns and not changed & promises.fields:
        return
    now = situation_of(ticket)
    before = changed_situation(now, {name: pair[0] for name, pair in event.changes.items()})
    inside = event.data.get("inside_reopen_window", True)
    fact = Fact(_instant(event), before, now, inside_reopen_window=inside)
    await _follow(session, ticket, promises, fact, Cause(event.id), changed=changed)


async def answer_clocks(session: AsyncSession, principal: Principal, event: CommentCreated) -> None:
    """A public word of the staff answers; one of the requester asks; a program's does neither. Nothing is read when no
    clock waits for it, and no condition."""
    del principal
    ticket: Ticket = event.ticket
    turns = await import_turns(session, ticket, _instant(event))
    if event.visibility is not Visibility.PUBLIC:
        if turns:
            await look_at_clocks(session, ticket, _instant(event), Cause(event.id))
        return
    answers, asks = said_by(event.data)
    promises = await promises_within(session)
    now = situation_of(ticket)
    if asks:
        waits = any(metric is Metric.NEXT_RESPONSE for _, metric in promises.plan(ticket, _instant(event)))
    else:
        waits = answers and ticket.awaits_reply
    # The comment is counted by now, and conditions may read how many there are.
    changed = _COUNTED & promises.fields
    if not (waits or changed or turns) or not now.is_active:
        return
    fact = Fact(_instant(event), now, now, staff_replied=answers, requester_replied=asks)
    await _follow(session, ticket, promises, fact, Cause(event.id), changed=changed)


async def note_event(session: AsyncSession, principal: Principal, event: DomainEvent) -> None:
    """What no clock looks at is of an imported past, or ends it."""
    del principal
    at = _instant(event)
    if await import_turns(session, event.ticket, at):
        await look_at_clocks(session, event.ticket, at, Cause(event.id))


async def look_at_clocks(session: AsyncSession, ticket: Ticket, at: datetime, cause: Cause | None) -> None:
    """Nothing happened to them but that an import went on, or is over."""
    now = situation_of(ticket)
    await _follow(session, ticket, await promises_within(session), Fact(at, now, now), cause)


def _instant(event: DomainEvent) -> datetime:
    """The event's own, so that its clocks can be derived from it again to the microsecond."""
    assert event.occurred_at is not None  # noqa: S101 - `record` has set it before it reacts
    return event.occurred_at


async def _follow(
    session: AsyncSession,
    ticket: Ticket,
    promises: Promises,
    fact: Fact,
    cause: Cause | None,
    *,
    is_new: bool = False,
    changed: AbstractSet[str] = frozenset(),
) -> None:
    plan: Plan = promises.plan(ticket, fact.at)
    rows = no_clocks_yet(session, ticket.id) if is_new else await read_clocks(session, ticket.id)
    clocks = clocks_of(session, ticket.id, promises, rows)
    comes_late = not is_new and _may_come_late(ticket, plan, rows, fact, changed, promises)
    past = await facts_of(session, ticket, before=cause.event_id if cause else None) if comes_late else ()
    clocks.apply(fact, plan, past)
    is_past = ticket.imported_until is not None
    if is_past:
        rest(clocks)
    summarise(ticket, clocks.clocks)
    await tell(session, ticket, clocks.changes, cause=cause, imported=is_past)


def _may_come_late(
    ticket: Ticket,
    plan: Plan,
    rows: Sequence[StoredClock],
    fact: Fact,
    changed: AbstractSet[str],
    promises: Promises,
) -> bool:
    """A promise of another policy, or for another priority, may come late, one that was withdrawn may come back, and
    what is reopened goes on from what it was; only then the past is read."""
    if not fact.after.is_active or not plan:
        return False
    if changed & PRICED or is_reopened(fact) or _is_of_other_policy(plan, rows):
        return True
    if not changed & promises.policies.facts:
        return False
    last = last_by_key(rows)
    return any(
        key in last and may_go_on(agreement, last[key], ticket, is_withdrawn=may_come_back(last[key]))
        for key, agreement in plan.items()
    )


def _is_of_other_policy(plan: Plan, rows: Sequence[StoredClock]) -> bool:
    known = {(row.kind, row.policy_id, row.policy_number) for row in rows}
    return any((one.kind, one.policy_id, one.policy_number) not in known for one in plan.values())
