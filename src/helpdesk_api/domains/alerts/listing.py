"""Reads of alerts: those on whose tickets the caller works."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.ids import AlertIntegrationId
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.alerts.enums import AlertSeverity, AlertState
from helpdesk_api.domains.alerts.errors import AlertNotFound
from helpdesk_api.domains.alerts.models import Alert
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.web.listing import PageRequest, SortKey, page_of
from helpdesk_api.web.schemas import RequestInstant

_COLUMNS = tuple(Alert.__table__.c)
_KEYS = (
    SortKey("first_seen_at", Alert.first_seen_at, datetime, descending=True),
    SortKey("id", Alert.id, UUID, descending=True),
)


@dataclass(frozen=True, slots=True)
class AlertFilters:
    """What narrows a list of alerts; instants after are inclusive, before exclusive."""

    integration_id: Annotated[AlertIntegrationId | None, Query(description="Only of this integration.")] = None
    state: Annotated[AlertState | None, Query(description="Only those that stand so.")] = None
    severity: Annotated[AlertSeverity | None, Query(description="Only those of this severity.")] = None
    in_storm: Annotated[bool | None, Query(description="Only those of storms, or only the others.")] = None
    dedup_key: Annotated[
        str | None,
        Query(max_length=512, pattern=r"^[^\x00]+$", description="Only those of this key.", examples=["disk-7"]),
    ] = None
    seen_after: Annotated[RequestInstant | None, Query(description="Inclusive; when it was first seen.")] = None
    seen_before: Annotated[RequestInstant | None, Query(description="Exclusive; when it was first seen.")] = None


def _readable(principal: Principal) -> Any:
    """Labels are the staff's: an alert is seen by whoever sees the internal side of its ticket."""
    return select(*_COLUMNS).join(Ticket, Ticket.id == Alert.ticket_id).where(policy.sees_internal(principal))


async def list_alerts(
    reads: ReadSession,
    principal: Principal,
    filters: AlertFilters,
    page: PageRequest,
    *,
    ticket_id: UUID | None = None,
) -> dict[str, Any]:
    """The newest first."""
    statement = _readable(principal)
    if ticket_id is not None:
        statement = statement.where(Alert.ticket_id == ticket_id)
    equal = {
        Alert.integration_id: filters.integration_id,
        Alert.state: filters.state,
        Alert.severity: filters.severity,
        Alert.in_storm: filters.in_storm,
        Alert.dedup_key: filters.dedup_key,
    }
    for column, value in equal.items():
        if value is not None:
            statement = statement.where(column == value)
    if filters.seen_after is not None:
        statement = statement.where(Alert.first_seen_at >= filters.seen_after)
    if filters.seen_before is not None:
        statement = statement.where(Alert.first_seen_at < filters.seen_before)
    return await page_of(reads, statement, _KEYS, page)


async def get_alert(reads: ReadSession, principal: Principal, alert_id: UUID) -> Any:
    """Raises `alert_not_found`."""
    row = await reads.fetch_one(_readable(principal).where(Alert.id == alert_id))
    if row is None:
        raise AlertNotFound
    return row
