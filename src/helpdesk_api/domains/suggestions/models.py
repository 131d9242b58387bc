"""What was shown to whom, and how it ended; never what they wrote."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Integer, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.suggestions.enums import SuggestionOutcome


class Suggestion(Base):
    """One text that somebody typed, from the first question about it to the last; `outcome` is null until they say."""

    __tablename__ = "suggestions"
    __table_args__ = (
        Index("ix_suggestions_created", "created_at"),
        Index("ix_suggestions_user", "user_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    # All that were shown, whichever question brought them.
    article_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid(as_uuid=True)), server_default=text("'{}'"))
    ticket_count: Mapped[int] = mapped_column(Integer)
    asked_count: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[SuggestionOutcome | None] = mapped_column(text_enum(SuggestionOutcome))
    article_id: Mapped[UUID | None] = mapped_column(ForeignKey("articles.id"))
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id"))
    created_at: Mapped[datetime]
    asked_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
