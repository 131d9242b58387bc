"""Reads of reminders: of those that one set, and those that tell one."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.reminders.errors import ReminderNotFound
from helpdesk_api.domains.reminders.models import Reminder
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

_COLUMNS = tuple(Reminder.__table__.c)
_KEYS = (SortKey("remind_at", Reminder.remind_at, datetime), SortKey("id", Reminder.id, UUID))


def _own(principal: Principal) -> tuple[ColumnElement[bool], ...]:
    """Of tickets on which the caller still works: who has left a team is reminded of nothing there."""
    mine = or_(Reminder.user_id == principal.user_id, Reminder.created_by_id == principal.user_id)
    works = select(Ticket.id).where(Ticket.id == Reminder.ticket_id, policy.sees_internal(principal)).exists()
    return mine, works


async def list_reminders(
    reads: ReadSession,
    principal: Principal,
    page: PageRequest,
    *,
    ticket_id: UUID | None = None,
    is_due: bool | None = None,
) -> dict[str, Any]:
    """The caller's; of one ticket, of everybody."""
    statement = select(*_COLUMNS)
    if ticket_id is None:
        statement = statement.where(Reminder.user_id == principal.user_id, _own(principal)[1])
    else:
        statement = statement.where(Reminder.ticket_id == ticket_id)
    if is_due is not None:
        statement = statement.where(Reminder.reminded_at.is_not(None) if is_due else Reminder.reminded_at.is_(None))
    return await page_of(reads, statement, _KEYS, page)


async def get_reminder(reads: ReadSession, principal: Principal, reminder_id: UUID) -> Any:
    """Raises `reminder_not_found`."""
    row = await reads.fetch_one(select(*_COLUMNS).where(Reminder.id == reminder_id, *_own(principal)))
    if row is None:
        raise ReminderNotFound
    return row


async def lock_reminder(session: AsyncSession, principal: Principal, reminder_id: UUID) -> Reminder:
    """Raises `reminder_not_found`."""
    statement = select(Reminder).where(Reminder.id == reminder_id, *_own(principal)).with_for_update(of=Reminder)
    found: Reminder | None = await session.scalar(statement)
    if found is None:
        raise ReminderNotFound
    return found
