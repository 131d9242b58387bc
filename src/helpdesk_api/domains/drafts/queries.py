"""Reads of drafts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.attachments import queries as attachments
from helpdesk_api.domains.drafts.errors import DraftNotFound
from helpdesk_api.domains.drafts.models import Draft
from helpdesk_api.web.listing import PageRequest, SortKey, page_of
from helpdesk_api.web.preconditions import etag_of_content

MAX_DRAFTS = 50
_COLUMNS = (
    *Draft.__table__.c,
    attachments.of_draft(Draft.id).label("attachments"),
    attachments.changes_of_draft(Draft.id).label("attachment_changes"),
)
_NEWEST = (
    SortKey("updated_at", Draft.updated_at, datetime, descending=True),
    SortKey("id", Draft.id, UUID, descending=True),
)


def _open_to(principal: Principal, ticket_id: UUID) -> tuple[ColumnElement[bool], ...]:
    """Of a ticket on which the caller works."""
    return Draft.ticket_id == ticket_id, or_(Draft.is_shared, Draft.author_id == principal.user_id)


async def list_drafts(reads: ReadSession, principal: Principal, ticket_id: UUID, page: PageRequest) -> dict[str, Any]:
    """Newest first. Nobody adds more than `MAX_DRAFTS`, but tickets that were merged bring theirs along."""
    return await page_of(reads, select(*_COLUMNS).where(*_open_to(principal, ticket_id)), _NEWEST, page)


async def get_draft(reads: ReadSession, principal: Principal, ticket_id: UUID, draft_id: UUID) -> Any:
    """Raises `draft_not_found`."""
    row = await reads.fetch_one(select(*_COLUMNS).where(*_open_to(principal, ticket_id), Draft.id == draft_id))
    if row is None:
        raise DraftNotFound
    return row


def etag(row: Any) -> str:
    """Of a row of `get_draft`: it shows how its files are, and these change by themselves."""
    return etag_of_content(f"{row['id'].hex}:{row['version']}:{row['attachment_changes']}".encode())


async def lock_draft(session: AsyncSession, principal: Principal, ticket_id: UUID, draft_id: UUID) -> Draft:
    """Raises `draft_not_found`."""
    statement = select(Draft).where(*_open_to(principal, ticket_id), Draft.id == draft_id).with_for_update()
    found: Draft | None = await session.scalar(statement)
    if found is None:
        raise DraftNotFound
    return found
