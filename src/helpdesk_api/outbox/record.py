"""Recording an event: in-transaction reactions decide, then one row says what became true."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.outbox.events import Cause, DomainEvent
from helpdesk_api.outbox.models import EventRow, NewEvent
from helpdesk_api.outbox.pending import keep
from helpdesk_api.web.trace import current_trace_id

InTransaction = Callable[[AsyncSession, Principal, Any], Awaitable[None]]
AfterCommit = Callable[[AsyncSession, EventRow], Awaitable[None]]

# A chain of automatic changes longer than this is a loop between rules.
MAX_CAUSE_DEPTH = 8


@dataclass(frozen=True)
class Reactions:
    """What follows from one type of event; after-commit ones run in jobs, at least once, and are idempotent."""

    in_transaction: Sequence[InTransaction] = field(default=())
    after_commit: Sequence[AfterCommit] = field(default=())


_reactions: Mapping[type[DomainEvent], Reactions] = {}


def install_reactions(reactions: Mapping[type[DomainEvent], Reactions]) -> None:
    """Called once by the process with `wiring.REACTIONS`."""
    global _reactions  # noqa: PLW0603 - the wiring of this process
    _reactions = reactions


async def record(
    session: AsyncSession,
    principal: Principal,
    event: DomainEvent,
    *,
    cause: Cause | None = None,
) -> NewEvent:
    """Keep the event for the commit. The caller holds the lock on the ticket's row (or has just made it)."""
    # One instant for the event and for all that follows from it: what is counted from the log must come out the same.
    event.occurred_at = event.occurred_at or clock.now()
    row = NewEvent(
        id=event.id,
        type=event.type,
        subject_type=event.subject_type,
        subject_id=event.subject_id,
        ticket_id=event.ticket_id,
        occurred_at=event.occurred_at,
        actor_kind=principal.kind,
        actor_id=principal.user_id,
        visibility=event.visibility,
        changes={},
        internal_changes={},
        data=event.data,
        internal_data=event.internal_data,
        cause_event_id=cause.event_id if cause else None,
        cause_rule=cause.rule if cause else None,
        cause_depth=cause.depth if cause else 0,
        trace_id=current_trace_id(),
    )
    keep(session, row)
    reactions = _reactions.get(type(event))
    if reactions is not None and (cause is None or cause.depth < MAX_CAUSE_DEPTH):
        for reaction in reactions.in_transaction:
            await reaction(session, principal, event)
    if clock.is_importing():
        event.data["imported"] = True
    # A reaction may have said more.
    row.visibility = event.visibility
    row.changes = {name: list(pair) for name, pair in event.changes.items()}
    row.internal_changes = {name: list(pair) for name, pair in event.internal_changes.items()}
    row.data, row.internal_data = event.data, event.internal_data
    return row
