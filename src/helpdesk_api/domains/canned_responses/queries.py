"""Reads of canned responses."""

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.canned_responses.errors import CannedResponseNotFound
from helpdesk_api.domains.canned_responses.models import CannedResponse
from helpdesk_api.domains.tickets.sharing import readable, shared_allowances
from helpdesk_api.web.listing import PageRequest, SortKey, page_of

MAX_RESPONSES = 1_000
_COLUMNS = tuple(CannedResponse.__table__.c)
_KEYS = (SortKey("title", CannedResponse.title, str), SortKey("id", CannedResponse.id, UUID))


def shown(principal: Principal, response: Any) -> dict[str, Any]:
    """A row or an entity as it is answered."""
    is_entity = isinstance(response, CannedResponse)
    row = {column.name: getattr(response, column.name) for column in _COLUMNS} if is_entity else dict(response)
    return {**row, "allowed_actions": shared_allowances(principal, row)}


async def list_responses(
    reads: ReadSession, principal: Principal, page: PageRequest, *, category_id: UUID | None
) -> dict[str, Any]:
    statement = select(*_COLUMNS).where(readable(principal, CannedResponse))
    if category_id is not None:
        fitting = or_(CannedResponse.category_id.is_(None), CannedResponse.category_id == category_id)
        statement = statement.where(fitting)
    answer = await page_of(reads, statement, _KEYS, page)
    answer["data"] = [shown(principal, row) for row in answer["data"]]
    return answer


async def get_response(reads: ReadSession, principal: Principal, response_id: UUID) -> Any:
    """Raises `canned_response_not_found`."""
    mine = (CannedResponse.id == response_id, readable(principal, CannedResponse))
    row = await reads.fetch_one(select(*_COLUMNS).where(*mine))
    if row is None:
        raise CannedResponseNotFound
    return row


async def lock_response(session: AsyncSession, principal: Principal, response_id: UUID) -> CannedResponse:
    """Raises `canned_response_not_found`."""
    mine = (CannedResponse.id == response_id, readable(principal, CannedResponse))
    found: CannedResponse | None = await session.scalar(select(CannedResponse).where(*mine).with_for_update())
    if found is None:
        raise CannedResponseNotFound
    return found
