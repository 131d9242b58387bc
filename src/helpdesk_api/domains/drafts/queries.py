"""Reads of drafts."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.drafts.errors import DraftNotFound
from helpdesk_api.domains.drafts.models import Draft

MAX_DRAFTS = 50
_COLUMNS = tuple(Draft.__table__.c)


def _open_to(principal: Principal, ticket_id: UUID) -> tuple[ColumnElement[bool], ...]:
    """Of a ticket on which the caller works."""
    return Draft.ticket_id == ticket_id, or_(Draft.is_shared, Draft.author_id == principal.user_id)


def select_drafts(principal: Principal, ticket_id: UUID) -> Select[Any]:
    return (
        select(*_COLUMNS)
        .where(*_open_to(principal, ticket_id))
        .order_by(Draft.updated_at.desc(), Draft.id)
        .limit(MAX_DRAFTS)
    )


async def get_draft(reads: ReadSession, principal: Principal, ticket_id: UUID, draft_id: UUID) -> Any:
    """Raises `draft_not_found`."""
    row = await reads.fetch_one(select_drafts(principal, ticket_id).where(Draft.id == draft_id))
    if row is None:
        raise DraftNotFound
    return row


async def lock_draft(session: AsyncSession, principal: Principal, ticket_id: UUID, draft_id: UUID) -> Draft:
    """Raises `draft_not_found`."""
    statement = select(Draft).where(*_open_to(principal, ticket_id), Draft.id == draft_id).with_for_update()
    found: Draft | None = await session.scalar(statement)
    if found is None:
        raise DraftNotFound
    return found
