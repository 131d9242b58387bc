"""Who can take work and how much they have, and the rules that say where work goes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, CheckConstraint, ForeignKey, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.categories.enums import Priority


class Agent(Base):
    """A member of the staff as somebody who takes tickets. The load is kept in step with every change of a ticket.

    `open_load` sums the priority weights of their active tickets, `open_count` counts them. `away_until` ends an
    absence by itself; null with `is_available` false means until further notice.
    """

    __tablename__ = "agents"
    __table_args__ = (
        CheckConstraint("away_until IS NULL OR NOT is_available", name="only_the_absent_return"),
        CheckConstraint("open_limit >= 0", name="limit_not_negative"),
        Index("ix_agents_away_until", "away_until", postgresql_where=text("away_until IS NOT NULL")),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    is_available: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    away_until: Mapped[datetime | None]
    open_limit: Mapped[int | None] = mapped_column(Integer)
    open_load: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    open_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_assigned_at: Mapped[datetime | None]


class RoutingRule(Base):
    """Tried in order on every new ticket; the first rule that sets a field decides it, tags add up."""

    __tablename__ = "routing_rules"
    __table_args__ = (Index("ix_routing_rules_order", "position", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    position: Mapped[int] = mapped_column(Integer)
    conditions: Mapped[dict[str, Any]] = mapped_column(JSONB)
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    priority: Mapped[Priority | None] = mapped_column(text_enum(Priority))
    add_tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    stops: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    is_active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
