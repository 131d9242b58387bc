"""Changing a checklist. The ticket's row is locked by the caller, so its counts are exact."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.checklists.errors import TooManyChecklistItems
from helpdesk_api.domains.checklists.events import ChecklistChanged
from helpdesk_api.domains.checklists.models import ChecklistItem
from helpdesk_api.domains.checklists.queries import MAX_ITEMS
from helpdesk_api.domains.checklists.schemas import MAX_POSITION, ChecklistItemCreate, ChecklistItemUpdate
from helpdesk_api.domains.comments.actions import could_read
from helpdesk_api.domains.tickets.actions import require, touch
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import UnknownReference


def require_work(principal: Principal, ticket: Ticket) -> None:
    """Raises `action_forbidden`: a checklist is for those who work on the ticket."""
    require(principal, ticket, TicketAction.ADD_CHECKLIST_ITEM)


async def add_item(
    session: AsyncSession, database: Database, principal: Principal, ticket: Ticket, body: ChecklistItemCreate
) -> ChecklistItem:
    """Raises `action_forbidden`, `unknown_reference` and `too_many_checklist_items`."""
    require_work(principal, ticket)
    await _check_assignee(database, ticket, body.assignee_id)
    if ticket.checklist_count >= MAX_ITEMS:
        raise TooManyChecklistItems
    position = body.position
    if position is None:
        last = select(func.max(ChecklistItem.position)).where(ChecklistItem.ticket_id == ticket.id)
        position = min((await session.scalar(last) or 0) + 1, MAX_POSITION)
    item = new_item(ticket, principal, body.title, position, is_required=body.is_required)
    item.assignee_id = body.assignee_id
    session.add(item)
    await session.flush()
    await _record(session, principal, ticket, item, "added", by=1)
    return item


async def update_item(
    session: AsyncSession,
    database: Database,
    principal: Principal,
    ticket: Ticket,
    item: ChecklistItem,
    body: ChecklistItemUpdate,
) -> None:
    """Raises `unknown_reference`; done twice is done once, by the first."""
    values = body.model_dump(exclude_unset=True, exclude={"is_done"})
    await _check_assignee(database, ticket, values.get("assignee_id"))
    before = (item.done_at is not None, _blocks(item))
    told = "updated"
    if "is_done" in body.model_fields_set and body.is_done != (item.done_at is not None):
        told = "done" if body.is_done else "reopened"
        values["done_at"] = clock.now() if body.is_done else None
        values["done_by_id"] = principal.user_id if body.is_done else None
    changed = {name: value for name, value in values.items() if getattr(item, name) != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(item, name, value)
    item.version += 1
    item.updated_at = clock.now()
    await session.flush()
    ticket.checklist_done_count += (item.done_at is not None) - before[0]
    ticket.open_required_count += _blocks(item) - before[1]
    await _record(session, principal, ticket, item, told, by=0)


async def remove_item(session: AsyncSession, principal: Principal, ticket: Ticket, item: ChecklistItem) -> None:
    await session.delete(item)
    await session.flush()
    await _record(session, principal, ticket, item, "removed", by=-1)


def new_item(ticket: Ticket, principal: Principal, title: str, position: int, *, is_required: bool) -> ChecklistItem:
    now = clock.now()
    return ChecklistItem(
        id=new_id(),
        ticket_id=ticket.id,
        title=title,
        position=position,
        is_required=is_required,
        created_by_id=principal.user_id,
        created_at=now,
        updated_at=now,
        version=1,
    )


def _blocks(item: ChecklistItem) -> bool:
    """Whether its ticket cannot be resolved because of it."""
    return item.is_required and item.done_at is None


async def _check_assignee(database: Database, ticket: Ticket, assignee_id: UUID | None) -> None:
    if assignee_id is None:
        return
    grants = await GRANTS.get(database, assignee_id.hex)
    if grants is None or not could_read(grants, ticket, Visibility.INTERNAL, ()):
        message = "Only who works on the ticket is given something to do for it."
        raise UnknownReference(message, pointer="#/assignee_id")


async def _record(
    session: AsyncSession, principal: Principal, ticket: Ticket, item: ChecklistItem, change: str, *, by: int
) -> None:
    if by:
        ticket.checklist_count += by
        ticket.checklist_done_count += by * (item.done_at is not None)
        ticket.open_required_count += by * _blocks(item)
    touch(ticket, public=False)
    event = ChecklistChanged(
        subject_id=ticket.id,
        ticket_id=ticket.id,
        visibility=Visibility.INTERNAL,
        data={"reference": ticket.reference},
        internal_data={"item_id": public_id("chk", item.id), "title": item.title, "change": change},
        entity=ticket,
        ticket=ticket,
    )
    await record(session, principal, event)
