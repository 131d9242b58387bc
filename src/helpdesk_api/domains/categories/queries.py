"""Reads of categories and the matrix; what opening a ticket needs comes from a cache."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.database.cache import InvalidatedCache
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.session import Database
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.categories.enums import Priority, TicketType
from helpdesk_api.domains.categories.errors import CategoryNotFound
from helpdesk_api.domains.categories.models import Category, PriorityMatrix
from helpdesk_api.domains.categories.rules import DEFAULT_MATRIX, Matrix, matrix_from
from helpdesk_api.web.listing import PageRequest, SortKey, paged

CATEGORIES = "categories"
MATRIX = "priority_matrix"
FORMS: Mapping[TicketType, Any] = {
    TicketType.INCIDENT: Category.incident_form_id,
    TicketType.SERVICE_REQUEST: Category.service_request_form_id,
    TicketType.PROBLEM: Category.problem_form_id,
    TicketType.CHANGE: Category.change_form_id,
}
_COLUMNS: tuple[Any, ...] = (
    Category.id,
    Category.name,
    Category.description,
    Category.parent_id,
    Category.owner_id,
    Category.team_id,
    Category.default_priority,
    Category.default_form_id,
    *FORMS.values(),
    Category.position,
    Category.retired_at,
    Category.created_at,
    Category.updated_at,
    Category.version,
)
_ORDER = (
    SortKey("position", Category.position, int),
    SortKey("name", Category.name, str),
    SortKey("id", Category.id, UUID),
)


@dataclass(frozen=True, slots=True)
class CategoryFacts:
    """What deciding about a ticket needs of a category."""

    id: UUID
    name: str
    parent_id: UUID | None
    team_id: UUID | None
    default_priority: Priority | None
    default_form_id: UUID | None
    forms: Mapping[TicketType, UUID | None]
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class MatrixInForce:
    """The matrix with the version that its ETag is made of; `updated_at` is null for the default one."""

    by_impact: Matrix
    version: int
    updated_at: datetime | None


async def _load_categories(reads: ReadSession, key: str) -> dict[UUID, CategoryFacts]:
    del key
    rows = await reads.fetch(
        select(
            Category.id,
            Category.name,
            Category.parent_id,
            Category.team_id,
            Category.default_priority,
            Category.default_form_id,
            *FORMS.values(),
            Category.retired_at,
        )
    )
    return {
        row["id"]: CategoryFacts(
            id=row["id"],
            name=row["name"],
            parent_id=row["parent_id"],
            team_id=row["team_id"],
            default_priority=Priority(row["default_priority"]) if row["default_priority"] else None,
            default_form_id=row["default_form_id"],
            forms={kind: row[column.key] for kind, column in FORMS.items()},
            retired_at=row["retired_at"],
        )
        for row in rows
    }


async def _load_matrix(reads: ReadSession, key: str) -> MatrixInForce:
    del key
    return await read_matrix(reads)


_categories: InvalidatedCache[dict[UUID, CategoryFacts]] = InvalidatedCache(CATEGORIES, _load_categories)
_matrix: InvalidatedCache[MatrixInForce] = InvalidatedCache(MATRIX, _load_matrix)


async def category(database: Database, category_id: UUID) -> CategoryFacts | None:
    """Retired ones included; None when there is none."""
    return (await _categories.get(database)).get(category_id)


async def form_of(database: Database, category_id: UUID, kind: TicketType) -> UUID | None:
    """What a ticket of this type is asked for there: by the category's own words, or the nearest one's above it."""
    known = await _categories.get(database)
    found = known.get(category_id)
    while found is not None:
        if (form_id := found.forms[kind] or found.default_form_id) is not None:
            return form_id
        found = known.get(found.parent_id) if found.parent_id is not None else None
    return None


async def default_priority_of(database: Database, category_id: UUID | None) -> Priority | None:
    """The category's own, or that of the nearest one above it that has one."""
    known = await _categories.get(database)
    while category_id is not None and (found := known.get(category_id)) is not None:
        if found.default_priority is not None:
            return found.default_priority
        category_id = found.parent_id
    return None


async def matrix(database: Database) -> Matrix:
    return (await _matrix.get(database)).by_impact


async def categories_within(session: AsyncSession) -> Mapping[UUID, CategoryFacts]:
    """All of them, for a decision inside a transaction."""
    return await _categories.get_within(session)


async def matrix_within(session: AsyncSession) -> Matrix:
    return (await _matrix.get_within(session)).by_impact


async def read_matrix(reads: ReadSession) -> MatrixInForce:
    """The committed matrix, past the cache."""
    row = await reads.fetch_one(select(PriorityMatrix.by_impact, PriorityMatrix.version, PriorityMatrix.updated_at))
    if row is None:
        return MatrixInForce(DEFAULT_MATRIX, 1, None)
    return MatrixInForce(matrix_from(row["by_impact"]), row["version"], row["updated_at"])


async def get_category(reads: ReadSession, category_id: UUID) -> Any:
    """One row. Raises `category_not_found`."""
    row = await reads.fetch_one(select(*_COLUMNS).where(Category.id == category_id))
    if row is None:
        raise CategoryNotFound
    return row


async def lock_category(session: AsyncSession, category_id: UUID) -> Category:
    """The category, locked for a change. Raises `category_not_found`."""
    found = await session.get(Category, category_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise CategoryNotFound
    return found


@dataclass(frozen=True, slots=True)
class CategoryFilters:
    """`parent` is a category, `none` for the roots, or null for the whole tree."""

    parent: UUID | str | None = None
    is_retired: bool | None = None


async def list_categories(
    reads: ReadSession, filters: CategoryFilters, page: PageRequest
) -> tuple[list[Any], str | None, str | None, int | None]:
    """A page by position, name and id; the rows carry the cursor's keys at their end."""
    statement: AnySelect = select(*_COLUMNS)
    if filters.parent is not None:
        parent = None if filters.parent == "none" else filters.parent
        statement = statement.where(Category.parent_id == parent if parent else Category.parent_id.is_(None))
    if filters.is_retired is not None:
        retired = Category.retired_at.is_not(None)
        statement = statement.where(retired if filters.is_retired else ~retired)
    total = None
    if page.include_total:
        total = await reads.fetch_value(select(func.count()).select_from(statement.subquery()))
    cut = paged(statement, _ORDER, page)
    rows, next_cursor, prev_cursor = cut.finish(await reads.fetch(cut.statement))
    return rows, next_cursor, prev_cursor, total
