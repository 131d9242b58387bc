"""Reads of tags and of their renames."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal_column, select

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.tags.errors import TagRenameNotFound
from helpdesk_api.domains.tags.models import TagRename
from helpdesk_api.domains.tickets import policy
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.web.listing import PageRequest, SortKey, page_of, whole_page

MAX_TAGS = 500
COUNTED = 10_000
_COLUMNS = tuple(TagRename.__table__.c)
_NEWEST = (
    SortKey("created_at", TagRename.created_at, datetime, descending=True),
    SortKey("id", TagRename.id, UUID, descending=True),
)


async def list_tags(reads: ReadSession, principal: Principal, *, prefix: str | None) -> dict[str, Any]:
    """Over the newest tickets that the caller sees, so that it costs the same however many there are."""
    tagged = (
        select(Ticket.id, Ticket.tags)
        .where(policy.readable(principal), Ticket.tags != literal_column("'{}'::text[]"))
        .order_by(Ticket.created_at.desc(), Ticket.id.desc())
        .limit(COUNTED + 1)
        .cte("tagged")
    )
    each = select(func.unnest(tagged.c.tags).label("name")).subquery()
    found = select(each.c.name, func.count().label("count")).group_by(each.c.name)
    if prefix is not None:
        found = found.where(each.c.name.startswith(prefix, autoescape=True))
    rows = await reads.fetch(found.order_by(func.count().desc(), each.c.name).limit(MAX_TAGS))
    counted = await reads.fetch_value(select(func.count()).select_from(tagged))
    return {**whole_page([dict(row) for row in rows]), "is_exact": counted <= COUNTED}


async def list_renames(reads: ReadSession, page: PageRequest) -> dict[str, Any]:
    return await page_of(reads, select(*_COLUMNS), _NEWEST, page)


async def get_rename(reads: ReadSession, rename_id: UUID) -> Any:
    """Raises `tag_rename_not_found`."""
    row = await reads.fetch_one(select(*_COLUMNS).where(TagRename.id == rename_id))
    if row is None:
        raise TagRenameNotFound
    return row
