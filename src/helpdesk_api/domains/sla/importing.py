"""A ticket whose past is being imported: its clocks rest where that past ends by now, until something happens today."""

from datetime import datetime
from functools import cache

from sqlalchemy import Uuid, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database import clock
from helpdesk_api.database.reads import CompiledStatement
from helpdesk_api.database.writes import statements_of
from helpdesk_api.domains.sla.clock_rules import TicketClocks
from helpdesk_api.domains.tickets.errors import InstantOutOfOrder
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.models import EventRow


async def import_turns(session: AsyncSession, ticket: Ticket, at: datetime) -> bool:
    """Whether what happens at this instant is of the ticket's imported past, or the first thing after it: either moves
    all clocks. The caller holds the ticket's lock. Raises `instant_out_of_order` for what would come before something
    that a clock has told already."""
    told_at = ticket.imported_until
    if not clock.is_importing():
        if told_at is not None:
            ticket.imported_until = None
        return told_at is not None
    if told_at is None:
        found = await (await statements_of(session)).fetch_one(_last_told(), {"ticket_id": ticket.id})
        told_at = found["told_at"]
    if told_at is not None and at < told_at:
        raise InstantOutOfOrder(parameter="Occurred-At")
    ticket.imported_until = at
    return True


def rest(clocks: TicketClocks) -> None:
    """The past warns nobody; the first change of today brings the timers back."""
    for one in clocks.ongoing():
        one.next_timer_at = None


@cache
def _last_told() -> CompiledStatement:
    of_clocks = EventRow.ticket_id == bindparam("ticket_id", type_=Uuid(as_uuid=True)), EventRow.type.startswith("sla.")
    return CompiledStatement(select(func.max(EventRow.occurred_at).label("told_at")).where(*of_clocks))
