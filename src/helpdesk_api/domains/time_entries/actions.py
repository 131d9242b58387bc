"""Keeping time. The ticket's row is locked by the caller."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, parse_id, public_id
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.actions import require
from helpdesk_api.domains.tickets.enums import TicketAction
from helpdesk_api.domains.tickets.events import TicketEvent
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.time_entries import errors
from helpdesk_api.domains.time_entries.events import TimeLogged, TimeRatesChanged
from helpdesk_api.domains.time_entries.models import TimeEntry, TimeRates
from helpdesk_api.domains.time_entries.queries import may_change, read_rates
from helpdesk_api.domains.time_entries.rules import cost_of
from helpdesk_api.domains.time_entries.schemas import (
    MAX_SECONDS,
    TimeEntryCreate,
    TimeEntryUpdate,
    TimeRatesUpdate,
    TimerStart,
)
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import PreconditionFailed
from helpdesk_api.web.preconditions import IfMatch, etag_of

_RUNNING = "uq_time_entries_running"
_RATES = UUID(int=1)


def require_work(principal: Principal, ticket: Ticket) -> None:
    """Raises `action_forbidden`: time is for those who work on the ticket."""
    require(principal, ticket, TicketAction.ENTER_TIME)


async def add_entry(session: AsyncSession, principal: Principal, ticket: Ticket, body: TimeEntryCreate) -> TimeEntry:
    """Raises `action_forbidden` and `work_in_future`."""
    require_work(principal, ticket)
    worked_on = body.worked_on or clock.now().date()
    _check_day(worked_on)
    entry = await _new_entry(session, principal, ticket, worked_on, body.note, is_billable=body.is_billable)
    _measure(entry, body.seconds)
    session.add(entry)
    await session.flush()
    await _record(session, principal, ticket, entry, "added")
    return entry


async def start_timer(session: AsyncSession, principal: Principal, ticket: Ticket, body: TimerStart) -> TimeEntry:
    """One that was left behind stops first. Raises `action_forbidden` and `timer_running`; of two who start at once
    one meets the index."""
    require(principal, ticket, TicketAction.START_TIMER)
    now = clock.now()
    entry = await _new_entry(session, principal, ticket, now.date(), body.note, is_billable=body.is_billable)
    entry.started_at = now
    running = select(TimeEntry.id).where(TimeEntry.user_id == principal.user_id, TimeEntry.seconds.is_(None))
    if await session.scalar(running) is not None:
        await _stop_left_behind(session, principal)
    if (other := await session.scalar(running)) is not None:
        raise errors.TimerRunning(params={"time_entry_id": public_id("tim", other)})
    session.add(entry)
    try:
        await session.flush()
    except IntegrityError as error:
        constraint = str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", "") or "")
        if constraint == _RUNNING:
            raise errors.TimerRunning from error
        raise
    await _record(session, principal, ticket, entry, "started")
    return entry


async def stop_timer(session: AsyncSession, principal: Principal, ticket: Ticket, entry: TimeEntry) -> None:
    """One that was forgotten counts as a day at most. Raises `time_entry_forbidden` and `timer_not_running`."""
    _require_change(principal, entry)
    if entry.seconds is not None or entry.started_at is None:
        raise errors.TimerNotRunning
    await _stop(session, principal, ticket, entry)


async def _stop(session: AsyncSession, principal: Principal, ticket: Ticket, entry: TimeEntry) -> None:
    now = clock.now()
    spent = int((now - (entry.started_at or now)).total_seconds())
    _measure(entry, min(max(spent, 1), MAX_SECONDS))
    await _write(session, principal, ticket, entry, "stopped")


async def _stop_left_behind(session: AsyncSession, principal: Principal) -> None:
    """The timer on a ticket that has left the caller, where they could not stop it themselves. A ticket that somebody
    holds is not waited for: the caller holds another one."""
    left = (
        select(Ticket, TimeEntry)
        .join(TimeEntry, TimeEntry.ticket_id == Ticket.id)
        .where(TimeEntry.user_id == principal.user_id, TimeEntry.seconds.is_(None))
        .where(policy.sees_internal(principal).is_not(true()))
        .with_for_update(skip_locked=True)
    )
    for ticket, entry in (await session.execute(left)).all():
        await _stop(session, principal, ticket, entry)


async def update_entry(
    session: AsyncSession, principal: Principal, ticket: Ticket, entry: TimeEntry, body: TimeEntryUpdate
) -> None:
    """Raises `time_entry_forbidden`, `timer_still_running` and `work_in_future`."""
    _require_change(principal, entry)
    values = body.model_dump(exclude_unset=True)
    changed = {name: value for name, value in values.items() if getattr(entry, name) != value}
    if not changed:
        return
    if "seconds" in changed and entry.seconds is None:
        raise errors.TimerStillRunning(pointer="#/seconds")
    if "worked_on" in changed:
        _check_day(changed["worked_on"])
    for name, value in changed.items():
        setattr(entry, name, value)
    if "seconds" in changed:
        _measure(entry, changed["seconds"])
    await _write(session, principal, ticket, entry, "updated")


async def remove_entry(session: AsyncSession, principal: Principal, ticket: Ticket, entry: TimeEntry) -> None:
    """Raises `time_entry_forbidden`."""
    _require_change(principal, entry)
    await session.delete(entry)
    await _record(session, principal, ticket, entry, "removed")


async def follow_merge(session: AsyncSession, principal: Principal, event: TicketEvent) -> None:
    """ticket.merged: what was spent counts where the ticket goes on, and a timer that runs goes on there."""
    del principal
    if event.data.get("role") == "merged":
        await session.execute(
            update(TimeEntry)
            .where(TimeEntry.ticket_id == event.ticket_id)
            .values(ticket_id=parse_id("tkt", event.internal_data["into_id"]), version=TimeEntry.version + 1)
            .execution_options(synchronize_session=False)
        )


async def replace_rates(
    session: AsyncSession, principal: Principal, body: TimeRatesUpdate, if_match: IfMatch
) -> TimeRates:
    """Entries keep what they had. Raises `precondition_required`, `precondition_failed`, `time_rate_repeated`."""
    stored = await read_rates(session, lock=True)
    version = stored.version if stored is not None else 0
    if_match.check(etag_of(version), required=True)
    by_user = {one.user_id.hex: one.hourly_rate for one in body.users}
    by_team = {one.team_id.hex: one.hourly_rate for one in body.teams}
    for name, given, kept in (("users", body.users, by_user), ("teams", body.teams, by_team)):
        if len(given) != len(kept):
            raise errors.TimeRateRepeated(pointer=f"#/{name}")
    values: dict[str, Any] = {
        "currency": body.currency,
        "default_rate": body.default_rate,
        "by_user": by_user,
        "by_team": by_team,
        "updated_at": clock.now(),
        "version": version + 1,
    }
    # Where there was no row there was none to lock: the version decides between two first writers.
    statement = (
        insert(TimeRates)
        .values(id=1, **values)
        .on_conflict_do_update(index_elements=[TimeRates.id], set_=values, where=TimeRates.version == version)
        .returning(TimeRates)
    )
    written = await session.scalar(statement, execution_options={"populate_existing": True})
    if written is None:
        raise PreconditionFailed
    event = TimeRatesChanged(
        subject_id=_RATES, visibility=Visibility.INTERNAL, internal_changes={"version": (version, version + 1)}
    )
    await record(session, principal, event)
    found: TimeRates = written
    return found


async def _new_entry(
    session: AsyncSession,
    principal: Principal,
    ticket: Ticket,
    worked_on: date,
    note: str | None,
    *,
    is_billable: bool,
) -> TimeEntry:
    rate, currency = await _rate(session, principal.user_id, ticket.team_id)
    now = clock.now()
    return TimeEntry(
        id=new_id(),
        ticket_id=ticket.id,
        user_id=principal.user_id,
        worked_on=worked_on,
        note=note,
        is_billable=is_billable,
        hourly_rate=rate,
        currency=currency,
        created_at=now,
        updated_at=now,
        version=1,
    )


async def _rate(session: AsyncSession, user_id: UUID, team_id: UUID | None) -> tuple[int | None, str | None]:
    rates = await read_rates(session)
    if rates is None:
        return None, None
    of_team = rates.by_team.get(team_id.hex, rates.default_rate) if team_id is not None else rates.default_rate
    rate: int | None = rates.by_user.get(user_id.hex, of_team)
    return rate, rates.currency if rate is not None else None


def _measure(entry: TimeEntry, seconds: int) -> None:
    entry.seconds = seconds
    entry.cost = cost_of(seconds, entry.hourly_rate) if entry.hourly_rate is not None else None


def _check_day(worked_on: date) -> None:
    if worked_on > clock.now().date():
        raise errors.WorkInFuture(pointer="#/worked_on")


def _require_change(principal: Principal, entry: TimeEntry) -> None:
    if not may_change(principal, entry.user_id):
        raise errors.TimeEntryForbidden


async def _write(session: AsyncSession, principal: Principal, ticket: Ticket, entry: TimeEntry, change: str) -> None:
    entry.version += 1
    entry.updated_at = clock.now()
    await session.flush()
    await _record(session, principal, ticket, entry, change)


async def _record(session: AsyncSession, principal: Principal, ticket: Ticket, entry: TimeEntry, change: str) -> None:
    event = TimeLogged(
        subject_id=ticket.id,
        ticket_id=ticket.id,
        visibility=Visibility.INTERNAL,
        data={"reference": ticket.reference},
        internal_data={
            "time_entry_id": public_id("tim", entry.id),
            "seconds": entry.seconds or 0,
            "change": change,
        },
        entity=ticket,
        ticket=ticket,
    )
    await record(session, principal, event)
