"""People and service accounts."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum


class UserKind(StrEnum):
    """A person, or a program with rights of its own."""

    USER = "user"
    SERVICE = "service"


class User(Base):
    """Never deleted: what they did stays theirs. `deactivated_at` ends every right at once."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("external_source", "external_id"),
        CheckConstraint("(external_source IS NULL) = (external_id IS NULL)", name="external_pair"),
        CheckConstraint("kind = 'service' OR email IS NOT NULL", name="people_have_mail"),
        Index("ix_users_name", "name", "id"),
        Index("ix_users_created", "created_at", "id"),
        Index("ix_users_organization", "organization_id"),
        Index("ix_users_role", "role"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[UserKind] = mapped_column(text_enum(UserKind))
    name: Mapped[str]
    email: Mapped[str | None]
    password_hash: Mapped[str | None] = mapped_column(deferred=True)
    role: Mapped[Role] = mapped_column(text_enum(Role))
    department: Mapped[str | None]
    phone: Mapped[str | None]
    location: Mapped[str | None]
    manager_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    time_zone: Mapped[str] = mapped_column(server_default=text("'UTC'"), default="UTC")
    locale: Mapped[str] = mapped_column(server_default=text("'en'"), default="en")
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    sees_organization: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    external_source: Mapped[str | None]
    external_id: Mapped[str | None]
    deactivated_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)


Index("uq_users_email", func.lower(User.email), unique=True)
# A name as somebody types it, and the names that are spelt much like it.
Index("ix_users_lower_name", func.lower(User.name))
Index("ix_users_name_trigrams", User.name, postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"})
