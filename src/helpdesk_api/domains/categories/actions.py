"""What changes the category tree and the matrix. Each change makes every process forget its copy."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.categories import events, queries, rules
from helpdesk_api.domains.categories.errors import (
    CategoryCycle,
    CategoryHasChildren,
    CategoryNameTaken,
    CategoryParentRetired,
    CategoryTooDeep,
)
from helpdesk_api.domains.categories.models import Category, PriorityMatrix
from helpdesk_api.domains.categories.queries import MatrixInForce
from helpdesk_api.domains.categories.schemas import (
    CategoryCreate,
    CategoryUpdate,
    PriorityMatrixUpdate,
)
from helpdesk_api.domains.teams.queries import require_takes_tickets_within
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import PreconditionFailed, UnknownReference
from helpdesk_api.web.preconditions import IfMatch, etag_of

_ID_PREFIXES: Mapping[str, str] = {
    "parent_id": "cat",
    "owner_id": "usr",
    "team_id": "tea",
    **{column.key: "frm" for column in (Category.default_form_id, *queries.FORMS.values())},
}
# Two moves at once could each be right and together make a cycle, so shape changes go one after the other.
_TREE_LOCK = 4_207_001


async def create_category(session: AsyncSession, principal: Principal, body: CategoryCreate) -> Category:
    """Raises `unknown_reference`, `category_parent_retired`, `category_too_deep`, `category_name_taken`."""
    values = body.model_dump()
    await require_takes_tickets_within(session, body.team_id)
    if body.parent_id is not None:
        await _check_place(session, None, body.parent_id)
    now = clock.now()
    category = Category(
        id=new_id(),
        **values,
        retired_at=None,
        created_at=now,
        updated_at=now,
        version=1,
    )
    session.add(category)
    await _flush_checked(session)
    changes = {name: (None, _shown(name, value)) for name, value in values.items() if value is not None}
    await _record(session, principal, category, events.CategoryCreated, changes)
    return category


async def update_category(
    session: AsyncSession,
    principal: Principal,
    category: Category,
    body: CategoryUpdate,
) -> None:
    """Merge patch; `{}` changes nothing. Raises what `create_category` does, and `category_cycle`."""
    changes: dict[str, tuple[Any, Any]] = {}
    for name, value in body.model_dump(exclude_unset=True).items():
        before = getattr(category, name)
        if before != value:
            changes[name] = (_shown(name, before), _shown(name, value))
            if name == "parent_id" and value is not None:
                await _check_place(session, category.id, value)
            if name == "team_id":
                await require_takes_tickets_within(session, value)
            setattr(category, name, value)
    if not changes:
        return
    category.version += 1
    category.updated_at = clock.now()
    await _flush_checked(session)
    await _record(session, principal, category, events.CategoryUpdated, changes)


async def retire_category(session: AsyncSession, principal: Principal, category: Category) -> None:
    """Retiring twice is the same as once. Raises `category_has_children` while one below is in use."""
    if category.retired_at is not None:
        return
    await _lock_tree(session)
    in_use = select(Category.id).where(Category.parent_id == category.id, Category.retired_at.is_(None)).limit(1)
    if (await session.execute(in_use)).first() is not None:
        raise CategoryHasChildren
    category.retired_at = category.updated_at = clock.now()
    category.version += 1
    await _record(session, principal, category, events.CategoryRetired, {})


async def restore_category(session: AsyncSession, principal: Principal, category: Category) -> None:
    """Restoring twice is the same as once. Raises `category_parent_retired`."""
    if category.retired_at is None:
        return
    if category.parent_id is not None:
        await _check_place(session, category.id, category.parent_id)
    category.retired_at = None
    category.updated_at = clock.now()
    category.version += 1
    await _record(session, principal, category, events.CategoryRestored, {})


async def replace_matrix(
    session: AsyncSession,
    principal: Principal,
    body: PriorityMatrixUpdate,
    if_match: IfMatch,
) -> MatrixInForce:
    """Raises `precondition_required` without `If-Match`, `precondition_failed` when it was changed since."""
    stored = (await session.execute(select(PriorityMatrix).with_for_update())).scalar_one_or_none()
    version = stored.version if stored is not None else 1
    if_match.check(etag_of(version), required=True)
    before = rules.matrix_from(stored.by_impact) if stored is not None else rules.DEFAULT_MATRIX
    wanted = body.by_impact.model_dump(mode="json")
    after = MatrixInForce(rules.matrix_from(wanted), version + 1, clock.now())
    values = {
        "by_impact": wanted,
        "version": after.version,
        "updated_at": after.updated_at,
    }
    statement = insert(PriorityMatrix).values(id=1, **values)
    # Where there was no row there was none to lock: the version decides between two first writers.
    statement = statement.on_conflict_do_update(
        index_elements=[PriorityMatrix.id],
        set_=values,
        where=PriorityMatrix.version == version,
    )
    if (await session.execute(statement.returning(PriorityMatrix.id))).scalar() is None:
        raise PreconditionFailed
    await invalidate(session, queries.MATRIX)
    changes = {
        f"{impact}.{urgency}": (
            before[impact][urgency].value,
            after.by_impact[impact][urgency].value,
        )
        for impact in before
        for urgency in before[impact]
        if before[impact][urgency] != after.by_impact[impact][urgency]
    }
    await record(
        session,
        principal,
        events.PriorityMatrixChanged(subject_id=events.MATRIX_SUBJECT, changes=changes),
    )
    return after


async def _lock_tree(session: AsyncSession) -> None:
    await session.execute(select(func.pg_advisory_xact_lock(_TREE_LOCK)))


async def _check_place(session: AsyncSession, category_id: UUID | None, parent_id: UUID) -> None:
    """Raises when the category (null for a new one) cannot lie below that parent."""
    await _lock_tree(session)
    rows = (await session.execute(select(Category.id, Category.parent_id, Category.retired_at))).all()
    parents = {row.id: row.parent_id for row in rows}
    if parent_id not in parents:
        raise UnknownReference(pointer="#/parent_id")
    if any(row.id == parent_id and row.retired_at is not None for row in rows):
        raise CategoryParentRetired
    if category_id is not None and rules.makes_cycle(parents, category_id, parent_id):
        raise CategoryCycle(pointer="#/parent_id")
    height = rules.height_of(parents, category_id) if category_id is not None else 1
    if rules.depth_of(parents, parent_id) + height > rules.MAX_DEPTH:
        message = f"A category lies at most {rules.MAX_DEPTH} levels deep."
        raise CategoryTooDeep(message, pointer="#/parent_id")


async def _record(
    session: AsyncSession,
    principal: Principal,
    category: Category,
    kind: type[events.CategoryEvent],
    changes: dict[str, tuple[Any, Any]],
) -> None:
    await invalidate(session, queries.CATEGORIES)
    event = kind(
        subject_id=category.id,
        changes=changes,
        data={"name": category.name},
        entity=category,
    )
    await record(session, principal, event)


async def _flush_checked(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        constraint = str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", "") or "")
        if constraint == "uq_categories_name":
            raise CategoryNameTaken(pointer="#/name") from error
        if constraint.startswith("fk_categories_"):
            raise UnknownReference(pointer=f"#/{constraint.removeprefix('fk_categories_')}") from error
        raise


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, UUID):
        return public_id(_ID_PREFIXES[name], value)
    return getattr(value, "value", value)
