"""Setting, moving and telling reminders."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.grants import GRANTS
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.database.session import Database
from helpdesk_api.domains.comments.actions import could_read, working_on
from helpdesk_api.domains.reminders.errors import RemindInPast, TooManyReminders
from helpdesk_api.domains.reminders.events import ReminderDue
from helpdesk_api.domains.reminders.models import Reminder
from helpdesk_api.domains.reminders.schemas import ReminderCreate, ReminderUpdate
from helpdesk_api.domains.tickets.actions import require
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.events import TicketEvent
from helpdesk_api.domains.tickets.merged import merged_into
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import UnknownReference

MAX_REMINDERS = 50
BATCH = 100


async def set_reminder(
    session: AsyncSession, database: Database, principal: Principal, ticket: Ticket, body: ReminderCreate
) -> Reminder:
    """Raises `action_forbidden`, `remind_in_past`, `unknown_reference` and `too_many_reminders`."""
    require(principal, ticket, TicketAction.REMIND)
    _check_instant(body.remind_at)
    user_id = body.user_id or principal.user_id
    if user_id != principal.user_id:
        grants = await GRANTS.get(database, user_id.hex)
        if grants is None or not could_read(grants, ticket, Visibility.INTERNAL, ()):
            message = "Only who works on the ticket is reminded of it."
            raise UnknownReference(message, pointer="#/user_id")
    ahead = select(func.count()).where(Reminder.ticket_id == ticket.id, Reminder.reminded_at.is_(None))
    if (await session.scalar(ahead) or 0) >= MAX_REMINDERS:
        raise TooManyReminders
    reminder = Reminder(
        id=new_id(),
        ticket_id=ticket.id,
        user_id=user_id,
        created_by_id=principal.user_id,
        remind_at=body.remind_at,
        note=body.note,
        created_at=clock.now(),
        version=1,
    )
    session.add(reminder)
    return reminder


async def move_reminder(session: AsyncSession, reminder: Reminder, body: ReminderUpdate) -> None:
    """Raises `remind_in_past`."""
    given = body.model_dump(exclude_unset=True)
    changes = {name: value for name, value in given.items() if getattr(reminder, name) != value}
    if "remind_at" in changes:
        _check_instant(changes["remind_at"])
        changes["reminded_at"] = None
    if not changes:
        return
    for name, value in changes.items():
        setattr(reminder, name, value)
    reminder.version += 1
    await session.flush()


def _check_instant(remind_at: datetime) -> None:
    if remind_at <= clock.now():
        raise RemindInPast(pointer="#/remind_at")


async def tell_due(session: AsyncSession, payload: dict[str, Any]) -> None:
    """Scheduled: whose instant has come, each once. A ticket that somebody holds waits for the next minute."""
    del payload
    now = clock.now()
    due = (Reminder.remind_at <= now, Reminder.reminded_at.is_(None))
    waiting = select(Reminder.ticket_id).where(*due).order_by(Reminder.remind_at).limit(BATCH)
    held = select(Ticket).where(Ticket.id.in_(waiting)).order_by(Ticket.id).with_for_update(skip_locked=True)
    tickets = {ticket.id: ticket for ticket in await session.scalars(held)}
    told = (
        update(Reminder)
        .where(Reminder.ticket_id.in_(list(tickets)), *due)
        .values(reminded_at=now, version=Reminder.version + 1)
        .returning(Reminder.id, Reminder.ticket_id, Reminder.user_id, Reminder.note)
        .execution_options(synchronize_session=False)
    )
    for reminder_id, ticket_id, user_id, note in (await session.execute(told)).all():
        event = ReminderDue(
            subject_id=ticket_id,
            ticket_id=ticket_id,
            visibility=Visibility.INTERNAL,
            data={"reference": tickets[ticket_id].reference},
            internal_data={
                "reminder_id": public_id("rem", reminder_id),
                "user_id": public_id("usr", user_id),
                "note": note or "",
            },
            entity=tickets[ticket_id],
        )
        await record(session, Principal.system(), event)


async def follow_merge(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """ticket.merged: reminders go on where the ticket does; who does not work there is reminded of the old one, until
    that leads on to where they work."""
    del principal
    if event.data.get("role") == "merged":
        return
    into: Ticket = event.entity
    ahead = (Reminder.ticket_id.in_(merged_into(into.id)), Reminder.reminded_at.is_(None))
    reminded = await session.scalars(select(Reminder.user_id).where(*ahead).distinct())
    following = Reminder.user_id.in_(await working_on(session, into, reminded.all()))
    await session.execute(update(Reminder).where(*ahead, following).values(ticket_id=into.id))
