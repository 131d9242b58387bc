"""What is forgotten by itself."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.presence.enums import PresenceState


class TicketPresence(Base):
    """Unlogged: after a crash nobody is there until their client says so again, half a minute later."""

    __tablename__ = "ticket_presences"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    state: Mapped[PresenceState] = mapped_column(text_enum(PresenceState))
    since: Mapped[datetime]
    expires_at: Mapped[datetime]
