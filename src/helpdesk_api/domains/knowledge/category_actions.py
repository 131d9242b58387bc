"""What changes the tree of articles' categories, and with it who approves what."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from helpdesk_api.authorization.permissions import STAFF_ROLES
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.knowledge import errors, events, rules
from helpdesk_api.domains.knowledge.category_schemas import ArticleCategoryCreate, ArticleCategoryUpdate
from helpdesk_api.domains.knowledge.models import ArticleCategory
from helpdesk_api.domains.users.models import User
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import UnknownReference

# Two moves at once could each be right and together make a cycle, so shape changes go one after the other.
_TREE_LOCK = 4_207_015


async def create_category(session: AsyncSession, principal: Principal, body: ArticleCategoryCreate) -> ArticleCategory:
    """Raises `unknown_reference`, `article_category_retired`, `…_too_deep` and `…_name_taken`."""
    await _lock_tree(session)
    await _check_place(session, None, body.parent_id)
    await check_staff(session, body.owner_id, "#/owner_id")
    now = clock.now()
    category = ArticleCategory(id=new_id(), **body.model_dump(), created_at=now, updated_at=now, version=1)
    session.add(category)
    await _flush_checked(session)
    await _write_approvers(session, category)
    await _record(session, principal, category, events.ArticleCategoryCreated, {"name": (None, category.name)})
    return category


async def update_category(
    session: AsyncSession, principal: Principal, category: ArticleCategory, body: ArticleCategoryUpdate
) -> None:
    """Merge patch. Raises what `create_category` does, and `article_category_cycle`. The tree is locked already."""
    given = body.model_dump(exclude_unset=True)
    changed = {name: value for name, value in given.items() if getattr(category, name) != value}
    if not changed:
        return
    if "parent_id" in changed:
        await _check_place(session, category.id, changed["parent_id"])
    if "owner_id" in changed:
        await check_staff(session, changed["owner_id"], "#/owner_id")
    told = {name: (_shown(name, getattr(category, name)), _shown(name, value)) for name, value in changed.items()}
    for name, value in changed.items():
        setattr(category, name, value)
    _touch(category)
    await _flush_checked(session)
    if changed.keys() & {"parent_id", "owner_id"}:
        await _write_approvers(session, category)
    await _record(session, principal, category, events.ArticleCategoryUpdated, told)


async def retire_category(session: AsyncSession, principal: Principal, category: ArticleCategory) -> None:
    """Retiring twice is the same as once. Raises `article_category_has_children` while one below is in use."""
    if category.retired_at is not None:
        return
    below = (ArticleCategory.parent_id == category.id, ArticleCategory.retired_at.is_(None))
    if await session.scalar(select(ArticleCategory.id).where(*below).limit(1)) is not None:
        raise errors.ArticleCategoryHasChildren
    category.retired_at = clock.now()
    _touch(category)
    await _record(session, principal, category, events.ArticleCategoryRetired, {})


async def restore_category(session: AsyncSession, principal: Principal, category: ArticleCategory) -> None:
    """Restoring twice is the same as once. Raises `article_category_retired` when the one above is."""
    if category.retired_at is None:
        return
    await _check_place(session, category.id, category.parent_id)
    category.retired_at = None
    _touch(category)
    await _record(session, principal, category, events.ArticleCategoryRestored, {})


async def lock_category(session: AsyncSession, category_id: UUID) -> ArticleCategory:
    """The tree is locked before the row, as by whoever makes a new one. Raises `article_category_not_found`."""
    await _lock_tree(session)
    found = await session.get(ArticleCategory, category_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise errors.ArticleCategoryNotFound
    return found


async def check_staff(session: AsyncSession, user_id: UUID | None, pointer: str) -> None:
    """Raises `unknown_reference` for who is no active member of the staff."""
    if user_id is None:
        return
    active = (User.id == user_id, User.deactivated_at.is_(None), User.role.in_(STAFF_ROLES))
    if await session.scalar(select(User.id).where(*active)) is None:
        message = "There is no such active member of the staff."
        raise UnknownReference(message, pointer=pointer)


async def _lock_tree(session: AsyncSession) -> None:
    await session.execute(select(func.pg_advisory_xact_lock(_TREE_LOCK)))


async def _check_place(session: AsyncSession, category_id: UUID | None, parent_id: UUID | None) -> None:
    """Raises when the category (null for a new one) cannot lie below that parent."""
    if parent_id is None:
        return
    rows = (
        await session.execute(select(ArticleCategory.id, ArticleCategory.parent_id, ArticleCategory.retired_at))
    ).all()
    parents = {row.id: row.parent_id for row in rows}
    if parent_id not in parents:
        raise UnknownReference(pointer="#/parent_id")
    if any(row.id == parent_id and row.retired_at is not None for row in rows):
        raise errors.ArticleCategoryRetiredAbove(pointer="#/parent_id")
    above = rules.path_up(parents, parent_id)
    if category_id in above:
        raise errors.ArticleCategoryCycle(pointer="#/parent_id")
    height = rules.height_of(parents, category_id) if category_id is not None else 1
    if len(above) + height > rules.MAX_CATEGORY_DEPTH:
        raise errors.ArticleCategoryTooDeep(pointer="#/parent_id")


async def _write_approvers(session: AsyncSession, category: ArticleCategory) -> None:
    """From the roots down: each category's own owner, or that of the nearest one above."""
    root = (
        select(ArticleCategory.id, ArticleCategory.owner_id.label("approver_id"))
        .where(ArticleCategory.parent_id.is_(None))
        .cte("tree", recursive=True)
    )
    below = aliased(ArticleCategory)
    tree = root.union_all(
        select(below.id, func.coalesce(below.owner_id, root.c.approver_id)).join(root, below.parent_id == root.c.id)
    )
    await session.execute(
        update(ArticleCategory)
        .where(ArticleCategory.id == tree.c.id, ArticleCategory.approver_id.is_distinct_from(tree.c.approver_id))
        .values(approver_id=tree.c.approver_id)
        .execution_options(synchronize_session=False)
    )
    await session.refresh(category)


def _touch(category: ArticleCategory) -> None:
    category.version += 1
    category.updated_at = clock.now()


async def _record(
    session: AsyncSession,
    principal: Principal,
    category: ArticleCategory,
    kind: type[events.ArticleCategoryEvent],
    changes: dict[str, tuple[Any, Any]],
) -> None:
    event = kind(
        subject_id=category.id,
        visibility=Visibility.INTERNAL,
        internal_changes=changes,
        internal_data={"name": category.name},
        entity=category,
    )
    await record(session, principal, event)


async def _flush_checked(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        if "uq_article_categories_name" in str(error.orig):
            raise errors.ArticleCategoryNameTaken(pointer="#/name") from error
        raise


def _shown(name: str, value: Any) -> Any:
    prefixes = {"parent_id": "acg", "owner_id": "usr"}
    return public_id(prefixes[name], value) if isinstance(value, UUID) else value
