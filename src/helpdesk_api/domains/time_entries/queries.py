"""Reads of time, below a ticket that the caller works on, or of one's own."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Permission
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.sharing import allowances
from helpdesk_api.domains.time_entries.errors import TimeEntryNotFound
from helpdesk_api.domains.time_entries.models import TimeEntry, TimeRates
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

DEFAULT_CURRENCY = "EUR"
_COLUMNS = tuple(TimeEntry.__table__.c)
_NEWEST = (
    SortKey("created_at", TimeEntry.created_at, datetime, descending=True),
    SortKey("id", TimeEntry.id, UUID, descending=True),
)


def may_change(principal: Principal, user_id: UUID) -> bool:
    return user_id == principal.user_id or principal.has(Permission.TICKETS_ADMIN)


def shown(principal: Principal, entry: Any) -> dict[str, Any]:
    """A row or an entity as it is answered."""
    is_entity = isinstance(entry, TimeEntry)
    row = {column.name: getattr(entry, column.name) for column in _COLUMNS} if is_entity else dict(entry)
    may = may_change(principal, row["user_id"])
    return {**row, "allowed_actions": allowances(may=may, has_scope=principal.has(Permission.TICKETS_WRITE))}


async def list_entries(reads: ReadSession, principal: Principal, ticket_id: UUID, page: PageRequest) -> dict[str, Any]:
    answer = await page_of(reads, select(*_COLUMNS).where(TimeEntry.ticket_id == ticket_id), _NEWEST, page)
    answer["data"] = [shown(principal, row) for row in answer["data"]]
    answer["totals"] = await _totals(reads, ticket_id)
    return answer


async def _totals(reads: ReadSession, ticket_id: UUID) -> dict[str, Any]:
    billable = TimeEntry.is_billable
    statement = (
        select(
            TimeEntry.currency,
            func.coalesce(func.sum(TimeEntry.seconds), 0).label("seconds"),
            func.coalesce(func.sum(TimeEntry.seconds).filter(billable), 0).label("billable_seconds"),
            func.coalesce(func.sum(TimeEntry.cost), 0).label("cost"),
            func.coalesce(func.sum(TimeEntry.cost).filter(billable), 0).label("billable_cost"),
        )
        .where(TimeEntry.ticket_id == ticket_id, TimeEntry.seconds.is_not(None))
        .group_by(TimeEntry.currency)
        .order_by(TimeEntry.currency)
    )
    rows = await reads.fetch(statement)
    costs = [
        {"currency": row["currency"], "cost": int(row["cost"]), "billable_cost": int(row["billable_cost"])}
        for row in rows
        if row["currency"] is not None
    ]
    return {
        "seconds": int(sum(row["seconds"] for row in rows)),
        "billable_seconds": int(sum(row["billable_seconds"] for row in rows)),
        "costs": costs,
    }


async def list_own(
    reads: ReadSession, principal: Principal, page: PageRequest, *, is_running: bool | None
) -> dict[str, Any]:
    """Of tickets on which the caller still works."""
    works = select(Ticket.id).where(Ticket.id == TimeEntry.ticket_id, policy.sees_internal(principal)).exists()
    statement = select(*_COLUMNS).where(TimeEntry.user_id == principal.user_id, works)
    if is_running is not None:
        statement = statement.where(TimeEntry.seconds.is_(None) if is_running else TimeEntry.seconds.is_not(None))
    answer = await page_of(reads, statement, _NEWEST, page)
    answer["data"] = [shown(principal, row) for row in answer["data"]]
    return answer


async def get_entry(reads: ReadSession, ticket_id: UUID, entry_id: UUID) -> Any:
    """Raises `time_entry_not_found`."""
    one = (TimeEntry.ticket_id == ticket_id, TimeEntry.id == entry_id)
    row = await reads.fetch_one(select(*_COLUMNS).where(*one))
    if row is None:
        raise TimeEntryNotFound
    return row


async def lock_entry(session: AsyncSession, ticket_id: UUID, entry_id: UUID) -> TimeEntry:
    """Raises `time_entry_not_found`."""
    one = (TimeEntry.ticket_id == ticket_id, TimeEntry.id == entry_id)
    found: TimeEntry | None = await session.scalar(select(TimeEntry).where(*one).with_for_update())
    if found is None:
        raise TimeEntryNotFound
    return found


async def read_rates(session: AsyncSession, *, lock: bool = False) -> TimeRates | None:
    statement = select(TimeRates)
    found: TimeRates | None = await session.scalar(statement.with_for_update() if lock else statement)
    return found


def shown_rates(rates: TimeRates | None) -> dict[str, Any]:
    if rates is None:
        return {
            "currency": DEFAULT_CURRENCY,
            "default_rate": None,
            "users": [],
            "teams": [],
            "updated_at": None,
        }
    return {
        "currency": rates.currency,
        "default_rate": rates.default_rate,
        "users": [{"user_id": UUID(hex=key), "hourly_rate": rate} for key, rate in sorted(rates.by_user.items())],
        "teams": [{"team_id": UUID(hex=key), "hourly_rate": rate} for key, rate in sorted(rates.by_team.items())],
        "updated_at": rates.updated_at,
    }
