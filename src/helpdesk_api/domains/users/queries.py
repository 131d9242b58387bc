"""Reads of people, each from `policy.readable`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database.prefixes import begins_with
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.users import policy
from helpdesk_api.domains.users.errors import UserNotFound
from helpdesk_api.domains.users.models import User
from helpdesk_api.web.listing import PageRequest, SortKey, page_of, parse_sort

_COLUMNS = (
    User.id,
    User.kind,
    User.name,
    User.email,
    User.role,
    User.deactivated_at.is_(None).label("is_active"),
    User.department,
    User.phone,
    User.location,
    User.manager_id,
    User.time_zone,
    User.locale,
    User.organization_id,
    User.sees_organization,
    User.external_source,
    User.external_id,
    User.deactivated_at,
    User.created_at,
    User.updated_at,
    User.version,
)
SORTS = {
    "name": SortKey("name", User.name, str),
    "created_at": SortKey("created_at", User.created_at, datetime),
}


def select_users(principal: Principal) -> AnySelect:
    return select(*_COLUMNS).where(policy.readable(principal))


async def get_user(reads: ReadSession, principal: Principal, user_id: UUID) -> Any:
    """Raises `user_not_found`."""
    row = await reads.fetch_one(select_users(principal).where(User.id == user_id))
    if row is None:
        raise UserNotFound
    return row


async def lock_user(session: AsyncSession, principal: Principal, user_id: UUID) -> User:
    """Raises `user_not_found`. Tickets that name the user need not wait for this lock."""
    user = (
        await session.execute(
            select(User).where(User.id == user_id, policy.readable(principal)).with_for_update(key_share=True)
        )
    ).scalar_one_or_none()
    if user is None:
        raise UserNotFound
    return user


async def list_users(
    reads: ReadSession,
    principal: Principal,
    page: PageRequest,
    *,
    q: str | None,
    role: list[str] | None,
    is_active: bool | None,
    organization_id: UUID | None,
    external: tuple[str | None, str | None],
    sort: str | None,
) -> dict[str, Any]:
    statement = select_users(principal)
    if q is not None:
        statement = statement.where(or_(begins_with(User.name, q), begins_with(User.email, q)))
    if role:
        statement = statement.where(User.role.in_(role))
    if is_active is not None:
        statement = statement.where(User.deactivated_at.is_(None) if is_active else User.deactivated_at.is_not(None))
    if organization_id is not None:
        statement = statement.where(User.organization_id == organization_id)
    for column, value in zip((User.external_source, User.external_id), external, strict=True):
        if value is not None:
            statement = statement.where(column == value)
    keys = parse_sort(sort, SORTS, "name")
    return await page_of(reads, statement, [*keys, SortKey("id", User.id, UUID, keys[-1].descending)], page)
