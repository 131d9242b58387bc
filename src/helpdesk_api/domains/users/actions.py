"""What changes people. Every change of a right invalidates the grants in its own transaction."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization import grants
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.authorization.principal import Principal
from helpdesk_api.database import clock
from helpdesk_api.database.cache import invalidate
from helpdesk_api.database.ids import new_id, public_id
from helpdesk_api.domains.users import events, rules
from helpdesk_api.domains.users.errors import EmailTaken, InvalidEmail, LastAdmin, ManagerCycle, UserExternalIdTaken
from helpdesk_api.domains.users.models import User, UserKind
from helpdesk_api.domains.users.schemas import UserCreate, UserUpdate
from helpdesk_api.outbox.events import Visibility
from helpdesk_api.outbox.record import record
from helpdesk_api.web.errors import ExternalPairIncomplete, UnknownReference
from helpdesk_api.web.schemas import instant_text

_PREFIXES = {"manager_id": "usr", "organization_id": "org"}


def shown(name: str, value: Any) -> Any:
    """As events show it."""
    if isinstance(value, UUID):
        return public_id(_PREFIXES.get(name, "usr"), value)
    if isinstance(value, datetime):
        return instant_text(value)
    return value.value if isinstance(value, StrEnum) else value


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(values)
    if "email" in found:
        found["email"] = rules.normalized_email(found["email"])
    if "time_zone" in found:
        rules.check_time_zone(found["time_zone"])
    return found


async def flush_checked(session: AsyncSession) -> None:
    """Raises `email_taken`, `user_external_id_taken` and `unknown_reference` for what a constraint refused."""
    try:
        await session.flush()
    except IntegrityError as error:
        name = str(getattr(getattr(error.orig, "__cause__", None), "constraint_name", "") or "")
        if name == "uq_users_email":
            raise EmailTaken(pointer="#/email") from error
        if name == "uq_users_external_source_external_id":
            raise UserExternalIdTaken(pointer="#/external_id") from error
        if name.startswith("fk_users_"):
            raise UnknownReference(pointer=f"#/{name.removeprefix('fk_users_')}") from error
        raise


async def create_user(session: AsyncSession, principal: Principal, body: UserCreate) -> User:
    """Raises `email_taken`, `user_external_id_taken`, `invalid_email`, `unknown_time_zone`, `unknown_reference`,
    `external_pair_incomplete`."""
    return await _add(session, principal, UserKind.USER, _checked(body.model_dump()))


async def create_service_user(session: AsyncSession, principal: Principal, *, name: str, role: Role) -> User:
    """A program: it has no address and no password."""
    return await _add(session, principal, UserKind.SERVICE, {"name": name, "role": role})


async def _add(session: AsyncSession, principal: Principal, kind: UserKind, values: Mapping[str, Any]) -> User:
    now = clock.now()
    user = User(id=new_id(), kind=kind, created_at=now, updated_at=now, version=1, **values)
    _check_external(user)
    session.add(user)
    await flush_checked(session)
    data = {"name": user.name, "role": user.role.value, "kind": user.kind.value}
    await _record(session, principal, user, events.UserCreated, data=data)
    return user


async def update_user(session: AsyncSession, principal: Principal, user: User, body: UserUpdate) -> None:
    """Merge patch. Raises what `create_user` does, `manager_cycle`, and `last_admin` when the last active
    administrator would lose the role."""
    await change_user(session, principal, user, body.model_dump(exclude_unset=True))


async def change_user(session: AsyncSession, principal: Principal, user: User, values: Mapping[str, Any]) -> None:
    if user.kind is UserKind.SERVICE and "email" in values:
        message = "A service account has no address."
        raise InvalidEmail(message, pointer="#/email")
    values = _checked(values)
    changes = {
        name: (shown(name, getattr(user, name)), shown(name, value))
        for name, value in values.items()
        if getattr(user, name) != value
    }
    if not changes:
        return
    if user.role is Role.ADMIN and values.get("role", Role.ADMIN) is not Role.ADMIN:
        await _keep_one_admin(session, user)
    if "manager_id" in changes and values["manager_id"] is not None:
        await _check_manager(session, user.id, values["manager_id"])
    for name, value in values.items():
        setattr(user, name, value)
    _check_external(user)
    user.version += 1
    user.updated_at = clock.now()
    await flush_checked(session)
    await _record(session, principal, user, events.UserUpdated, changes=changes)


async def deactivate_user(session: AsyncSession, principal: Principal, user: User) -> None:
    """Idempotent. Raises `last_admin`."""
    if user.deactivated_at is not None:
        return
    if user.role is Role.ADMIN:
        await _keep_one_admin(session, user)
    user.deactivated_at = clock.now()
    user.version += 1
    user.updated_at = user.deactivated_at
    changes = {"deactivated_at": (None, shown("deactivated_at", user.deactivated_at))}
    await _record(session, principal, user, events.UserDeactivated, changes=changes)


async def reactivate_user(session: AsyncSession, principal: Principal, user: User) -> None:
    """Idempotent."""
    if user.deactivated_at is None:
        return
    changes = {"deactivated_at": (shown("deactivated_at", user.deactivated_at), None)}
    user.deactivated_at = None
    user.version += 1
    user.updated_at = clock.now()
    await _record(session, principal, user, events.UserReactivated, changes=changes)


def _check_external(user: User) -> None:
    if (user.external_id is None) != (user.external_source is None):
        raise ExternalPairIncomplete(pointer="#/external_id")


async def _check_manager(session: AsyncSession, user_id: UUID, manager_id: UUID) -> None:
    """Raises `manager_cycle`: whoever walks up the line to an approver must arrive."""
    line = select(User.id, User.manager_id).where(User.id == manager_id).cte(recursive=True)
    line = line.union(select(User.id, User.manager_id).join(line, User.id == line.c.manager_id))
    if await session.scalar(select(line.c.id).where(line.c.id == user_id)) is not None:
        raise ManagerCycle(pointer="#/manager_id")


async def _keep_one_admin(session: AsyncSession, leaving: User) -> None:
    # Every other administrator's row is locked: two who demote each other at once cannot both succeed.
    others = await session.execute(
        select(User.id)
        .where(
            User.role == Role.ADMIN, User.deactivated_at.is_(None), User.id != leaving.id, User.kind == UserKind.USER
        )
        .order_by(User.id)
        .with_for_update()
    )
    if not others.scalars().all():
        raise LastAdmin


async def _record(
    session: AsyncSession,
    principal: Principal,
    user: User,
    kind: type[events.UserEvent],
    *,
    changes: dict[str, tuple[Any, Any]] | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    await invalidate(session, grants.CACHE, user.id.hex)
    event = kind(
        subject_id=user.id,
        visibility=Visibility.INTERNAL,
        changes=changes or {},
        data={"user_id": public_id("usr", user.id), **(data or {})},
        entity=user,
    )
    await record(session, principal, event)


async def find_by_email(session: AsyncSession, email: str) -> User | None:
    """Case does not matter, as PostgreSQL understands it: Python's small letters differ for İ, and for Σ at the end."""
    same = func.lower(User.email) == func.lower(email.strip())
    found: User | None = await session.scalar(select(User).where(same))
    return found
