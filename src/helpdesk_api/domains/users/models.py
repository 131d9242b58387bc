"""STAND-IN by the lead (replace)."""

from datetime import datetime
from uuid import UUID
from sqlalchemy import Boolean, ForeignKey, Integer, text
from sqlalchemy.orm import Mapped, mapped_column
from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum


class User(Base):
    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str]
    name: Mapped[str]
    email: Mapped[str | None]
    role: Mapped[Role] = mapped_column(text_enum(Role))
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    sees_organization: Mapped[bool] = mapped_column(Boolean)
    deactivated_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
