"""What a ticket template keeps: the fields as they were sent."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.forms.enums import FormAudience


class TicketTemplate(Base):
    """`fields` are those of a new ticket's body; `checklist` is what is to be done for it, by the staff."""

    __tablename__ = "ticket_templates"
    __table_args__ = (Index("ix_ticket_templates_name", "name", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    description: Mapped[str | None]
    visible_to: Mapped[FormAudience] = mapped_column(text_enum(FormAudience))
    # Beside the fields, so that a category knows what refers to it.
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    checklist: Mapped[list[Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"), default=1)
