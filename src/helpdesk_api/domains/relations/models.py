"""A link between two tickets: one row, read from both sides."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.relations.enums import Relation


class TicketLink(Base):
    """`from_id` is what `relation` says to `to_id`; a relation that has no direction is stored as it was given."""

    __tablename__ = "ticket_links"
    __table_args__ = (
        UniqueConstraint("from_id", "to_id", "relation"),
        CheckConstraint("from_id <> to_id", name="two_tickets"),
        Index("ix_ticket_links_to", "to_id"),
        Index("uq_ticket_links_parent", "to_id", unique=True, postgresql_where=text("relation = 'parent_of'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    from_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    relation: Mapped[Relation] = mapped_column(text_enum(Relation))
    to_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    created_by_id: Mapped[UUID]
    created_at: Mapped[datetime]
