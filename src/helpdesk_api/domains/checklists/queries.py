"""Reads of checklists, below a ticket that the caller works on."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.checklists.errors import ChecklistItemNotFound
from helpdesk_api.domains.checklists.models import ChecklistItem
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

MAX_ITEMS = 100
_COLUMNS = tuple(ChecklistItem.__table__.c)
_ORDER = (SortKey("position", ChecklistItem.position, int), SortKey("id", ChecklistItem.id, UUID))


async def list_items(reads: ReadSession, ticket_id: UUID, page: PageRequest) -> dict[str, Any]:
    """Nobody adds more than `MAX_ITEMS`, but tickets that were merged bring theirs along."""
    return await page_of(reads, select(*_COLUMNS).where(ChecklistItem.ticket_id == ticket_id), _ORDER, page)


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
