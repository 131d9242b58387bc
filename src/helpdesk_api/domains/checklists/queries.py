"""Reads of checklists, below a ticket that the caller works on."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.checklists.errors import ChecklistItemNotFound
from helpdesk_api.domains.checklists.models import ChecklistItem
from helpdesk_api.domains.tickets.sharing import allowances
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

MAX_ITEMS = 100
_COLUMNS = tuple(ChecklistItem.__table__.c)
_ORDER = (SortKey("position", ChecklistItem.position, int), SortKey("id", ChecklistItem.id, UUID))


def shown(principal: Principal, item: Any) -> dict[str, Any]:
    """A row or an entity as it is answered. Who reads it works on the ticket, and so may change it."""
    is_entity = isinstance(item, ChecklistItem)
    row = {column.name: getattr(item, column.name) for column in _COLUMNS} if is_entity else dict(item)
    return {**row, "allowed_actions": allowances(may=True, has_scope=principal.has(Permission.TICKETS_WRITE))}


async def list_items(reads: ReadSession, principal: Principal, ticket_id: UUID, page: PageRequest) -> dict[str, Any]:
    """Nobody adds more than `MAX_ITEMS`, but tickets that were merged bring theirs along."""
    answer = await page_of(reads, select(*_COLUMNS).where(ChecklistItem.ticket_id == ticket_id), _ORDER, page)
    answer["data"] = [shown(principal, row) for row in answer["data"]]
    return answer


async def get_item(reads: ReadSession, ticket_id: UUID, item_id: UUID) -> Any:
    """Raises `checklist_item_not_found`."""
    one = (ChecklistItem.ticket_id == ticket_id, ChecklistItem.id == item_id)
    row = await reads.fetch_one(select(*_COLUMNS).where(*one))
    if row is None:
        raise ChecklistItemNotFound
    return row


async def lock_item(session: AsyncSession, ticket_id: UUID, item_id: UUID) -> ChecklistItem:
    """Raises `checklist_item_not_found`."""
    one = (ChecklistItem.ticket_id == ticket_id, ChecklistItem.id == item_id)
    found: ChecklistItem | None = await session.scalar(select(ChecklistItem).where(*one).with_for_update())
    if found is None:
        raise ChecklistItemNotFound
    return found
