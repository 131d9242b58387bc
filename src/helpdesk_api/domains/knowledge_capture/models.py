"""Which ticket an article came from, and which ones it resolved."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.knowledge_capture.enums import ArticleUse


class ArticleTicket(Base):
    """A reopened ticket is no longer resolved by anything; where an article came from stays."""

    __tablename__ = "article_tickets"
    __table_args__ = (
        Index("ix_article_tickets_ticket", "ticket_id"),
        Index("ix_article_tickets_order", "article_id", "created_at", "ticket_id", "use"),
    )

    article_id: Mapped[UUID] = mapped_column(ForeignKey("articles.id"), primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    use: Mapped[ArticleUse] = mapped_column(text_enum(ArticleUse), primary_key=True)
    created_at: Mapped[datetime]
