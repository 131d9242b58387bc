"""Reads of macros, and of those that fit a ticket."""

from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.checking import InvalidConditions, check
from helpdesk_api.conditions.predicate import compile_predicate
from helpdesk_api.conditions.tree import read_tree
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.macros.errors import MacroNotFound
from helpdesk_api.domains.macros.models import Macro
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.condition_fields import TICKET
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.queries import TICKETS
from helpdesk_api.domains.tickets.search import asker
from helpdesk_api.domains.tickets.sharing import readable, shared_allowances
from helpdesk_api.web.listing import PageRequest, SortKey, page_of, whole_page

# Of one's own, of a team, and of the shared ones, each for itself.
MAX_MACROS = 500
_COLUMNS = tuple(Macro.__table__.c)
_KEYS = (SortKey("title", Macro.title, str), SortKey("id", Macro.id, UUID))


def shown(principal: Principal, macro: Any) -> dict[str, Any]:
    """A row or an entity as it is answered."""
    is_entity = isinstance(macro, Macro)
    row = {column.name: getattr(macro, column.name) for column in _COLUMNS} if is_entity else dict(macro)
    return {**row, "allowed_actions": shared_allowances(principal, row)}


async def list_macros(reads: ReadSession, principal: Principal, page: PageRequest) -> dict[str, Any]:
    answer = await page_of(reads, select(*_COLUMNS).where(readable(principal, Macro)), _KEYS, page)
    answer["data"] = [shown(principal, row) for row in answer["data"]]
    return answer


async def get_macro(reads: ReadSession, principal: Principal, macro_id: UUID) -> Any:
    """Raises `macro_not_found`."""
    row = await reads.fetch_one(select(*_COLUMNS).where(Macro.id == macro_id, readable(principal, Macro)))
    if row is None:
        raise MacroNotFound
    return row


async def lock_macro(session: AsyncSession, principal: Principal, macro_id: UUID) -> Macro:
    """Raises `macro_not_found`."""
    mine = (Macro.id == macro_id, readable(principal, Macro))
    found: Macro | None = await session.scalar(select(Macro).where(*mine).with_for_update())
    if found is None:
        raise MacroNotFound
    return found


def is_offered(principal: Principal, macro: Any, ticket: Ticket) -> bool:
    """Whether its conditions hold; one whose words a later release dropped is offered to nobody."""
    if macro["conditions"] is None:
        return True
    try:
        checked = check(read_tree(macro["conditions"]), TICKET, asker=asker(principal))
    except (InvalidConditions, ValidationError):
        return False
    return compile_predicate(checked)(ticket)


async def offered_macros(reads: ReadSession, principal: Principal, ticket_id: UUID) -> dict[str, Any]:
    """Those that fit a ticket which the caller was already shown, by title."""
    found = select(*TICKETS.columns).where(Ticket.id == ticket_id, policy.readable(principal))
    ticket = TICKETS.entity(await reads.fetch_one(found))
    mine = select(*_COLUMNS).where(readable(principal, Macro)).order_by(func.lower(Macro.title), Macro.id)
    rows = await reads.fetch(mine)
    return whole_page([shown(principal, row) for row in rows if is_offered(principal, row, ticket)])
