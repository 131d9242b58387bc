"""Reads of organizations; for staff, who see all of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.prefixes import begins_with
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.organizations.errors import OrganizationNotFound
from helpdesk_api.domains.organizations.models import Organization
from helpdesk_api.web.listing import PageRequest, SortKey, page_of, parse_sort

COLUMNS = (
    Organization.id,
    Organization.name,
    Organization.description,
    Organization.external_source,
    Organization.external_id,
    Organization.created_at,
    Organization.updated_at,
    Organization.version,
)
SORTS = {
    "name": SortKey("name", Organization.name, str),
    "created_at": SortKey("created_at", Organization.created_at, datetime),
}


async def get_organization(reads: ReadSession, organization_id: UUID) -> Any:
    """Raises `organization_not_found`."""
    row = await reads.fetch_one(select(*COLUMNS).where(Organization.id == organization_id))
    if row is None:
        raise OrganizationNotFound
    return row


async def lock_organization(session: AsyncSession, organization_id: UUID) -> Organization:
    """Raises `organization_not_found`."""
    found = await session.get(Organization, organization_id, with_for_update={"key_share": True})
    if found is None:
        raise OrganizationNotFound
    return found


async def list_organizations(
    reads: ReadSession,
    page: PageRequest,
    *,
    q: str | None,
    external: tuple[str | None, str | None],
    sort: str | None,
) -> dict[str, Any]:
    statement: AnySelect = select(*COLUMNS)
    if q is not None:
        statement = statement.where(begins_with(Organization.name, q))
    for column, value in zip((Organization.external_source, Organization.external_id), external, strict=True):
        if value is not None:
            statement = statement.where(column == value)
    keys = parse_sort(sort, SORTS, "name")
    return await page_of(reads, statement, [*keys, SortKey("id", Organization.id, UUID, keys[-1].descending)], page)
