"""STAND-IN by the lead (replace)."""

from datetime import datetime
from uuid import UUID
from sqlalchemy import Integer, text
from sqlalchemy.orm import Mapped, mapped_column
from helpdesk_api.database.base import Base
from helpdesk_api.database.ids import new_id


class Organization(Base):
    __tablename__ = "organizations"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
