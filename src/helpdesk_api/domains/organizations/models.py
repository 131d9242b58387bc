"""Customers' groupings of people; not tenants."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id


class Organization(Base):
    """A customer, a company, a department: whose people belong together."""

    __tablename__ = "organizations"
    __table_args__ = (
        UniqueConstraint("external_source", "external_id"),
        CheckConstraint("(external_source IS NULL) = (external_id IS NULL)", name="external_pair"),
        Index("ix_organizations_name", "name", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    description: Mapped[str | None]
    external_source: Mapped[str | None]
    external_id: Mapped[str | None]
    archived_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


Index("ix_organizations_lower_name", func.lower(Organization.name))
