"""Categories form a tree; a retired one stays with the tickets that have it. The matrix is one row."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.categories.enums import Priority


class Category(Base):
    """`team_id` and `default_priority` are where a new ticket goes when no routing rule says otherwise. Each type of
    ticket has its own form or the default one; without either it is asked for what the category above asks for."""

    __tablename__ = "categories"
    __table_args__ = (
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        Index("ix_categories_order", "position", "name", "id"),
        Index("ix_categories_parent", "parent_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    description: Mapped[str | None]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    default_priority: Mapped[Priority | None] = mapped_column(text_enum(Priority))
    default_form_id: Mapped[UUID | None] = mapped_column(ForeignKey("forms.id"))
    incident_form_id: Mapped[UUID | None] = mapped_column(ForeignKey("forms.id"))
    service_request_form_id: Mapped[UUID | None] = mapped_column(ForeignKey("forms.id"))
    problem_form_id: Mapped[UUID | None] = mapped_column(ForeignKey("forms.id"))
    change_form_id: Mapped[UUID | None] = mapped_column(ForeignKey("forms.id"))
    position: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    retired_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


# Two roots of one name are duplicates too, so NULL parents count as equal (PostgreSQL 15).
Index(
    "uq_categories_name",
    Category.parent_id,
    func.lower(Category.name),
    unique=True,
    postgresql_nulls_not_distinct=True,
)


class PriorityMatrix(Base):
    """The matrix in force; without a row it is the default one at version 1."""

    __tablename__ = "priority_matrix"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    by_impact: Mapped[dict[str, Any]] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(Integer)
    updated_at: Mapped[datetime]
