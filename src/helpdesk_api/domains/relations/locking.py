"""Several tickets in one transaction: seen first, then locked together in the one order that everybody keeps."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.writes import update_at_flush
from helpdesk_api.domains.tickets.errors import TicketMerged
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import VisibleTicket, know_target
from helpdesk_api.domains.tickets.several import lock_many_visible


def unmerged(visible: VisibleTicket, pointer: str) -> Ticket:
    """The ticket that a body names. Raises `ticket_merged` there."""
    if visible.locked.merged_into_id is not None:
        raise TicketMerged(visible.target_id, pointer=pointer)
    return visible.ticket


async def lock_all(session: AsyncSession, principal: Principal, keys: Sequence[str]) -> list[VisibleTicket | None]:
    """Those of these tickets that the caller can see, in the order of the keys; changes of them are written."""
    found = await lock_many_visible(session, principal, keys)
    for visible in {id(one): one for one in found.values()}.values():
        update_at_flush(session, visible.locked)
        await know_target(session, principal, visible)
    return [found.get(key) for key in keys]
