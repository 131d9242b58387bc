"""What people do to clocks themselves: a deadline by hand. The caller holds the ticket's lock."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.domains.sla.clock_models import StoredClock
from helpdesk_api.domains.sla.clock_queries import deadline_etag
from helpdesk_api.domains.sla.clock_schemas import DeadlineUpdate
from helpdesk_api.domains.sla.clock_state import ONGOING
from helpdesk_api.domains.sla.clock_store import clocks_of, read_clocks, summarise, tell
from helpdesk_api.domains.sla.enums import PolicyKind, Reason
from helpdesk_api.domains.sla.errors import DeadlineInPast, SlaEnded, SlaNotFound, SpanTooLong
from helpdesk_api.domains.sla.importing import import_turns, rest
from helpdesk_api.domains.sla.policy_queries import promises_within
from helpdesk_api.domains.sla.reactions import look_at_clocks
from helpdesk_api.domains.sla.rules import LONGEST_ASKED
from helpdesk_api.domains.tickets.actions import require, touch
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.web.preconditions import IfMatch


async def set_deadline(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    sla_id: UUID,
    body: DeadlineUpdate,
    if_match: IfMatch,
) -> StoredClock:
    """It wins until it is removed: no change of priority, policy or calendar moves it, nor does a pause, in which it
    is told of and missed as at any other time.

    Raises `action_forbidden`, `sla_not_found`, `precondition_failed`, `sla_ended`, `deadline_in_past` and
    `span_too_long`.
    """
    require(principal, ticket, TicketAction.SET_DEADLINE)
    now = clock.now()
    if body.due_at is not None and body.due_at <= now:
        raise DeadlineInPast(pointer="#/due_at")
    if body.due_at is not None and body.due_at - now > LONGEST_ASKED:
        raise SpanTooLong(pointer="#/due_at")
    rows = await read_clocks(session, ticket.id)
    one = next((row for row in rows if row.id == sla_id), None)
    if one is None:
        raise SlaNotFound
    if_match.check(deadline_etag(one))
    if one.state not in ONGOING:
        raise SlaEnded
    if one.manual_due_at == body.due_at:
        return one
    if await import_turns(session, ticket, now):
        await look_at_clocks(session, ticket, now, None)
        if one.state not in ONGOING:
            raise SlaEnded
    clocks = clocks_of(session, ticket.id, await promises_within(session), rows)
    clocks.settle(one, now)
    before = {"manual_due_at": one.manual_due_at, "due_at": one.due_at}
    one.manual_due_at = body.due_at
    reason = Reason.MANUAL_DEADLINE if body.due_at is not None else Reason.MANUAL_DEADLINE_REMOVED
    clocks.recompute(one, now, reason, before)
    if ticket.imported_until is not None:
        rest(clocks)
    summarise(ticket, rows)
    touch(ticket, public=one.kind is PolicyKind.SLA)
    await tell(session, ticket, clocks.changes, principal=principal, note=body.reason)
    return one
