"""A vector for each text that is searched by its meaning, and which texts wait for theirs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Float, Index, Integer, LargeBinary, text
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.embeddings.enums import EmbeddedKind


class Embedding(Base):
    """`code` are the signs of the vector: which are alike is told by counting bits. `vector` are its values as bytes,
    whose length is `norm`: what is alike is then put in order by these. The text itself is not kept a second time."""

    __tablename__ = "embeddings"

    kind: Mapped[EmbeddedKind] = mapped_column(text_enum(EmbeddedKind), primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    model: Mapped[str]
    code: Mapped[Any] = mapped_column(BIT(varying=True))
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    norm: Mapped[float] = mapped_column(Float)
    embedded_at: Mapped[datetime]


class EmbeddingTask(Base):
    """A text that is new or has changed since its vector was made. `refused_count` is how often the model did not take
    it; what `refused_by` names a model is set aside, until the text changes or another model is asked."""

    __tablename__ = "embedding_tasks"
    __table_args__ = (Index("ix_embedding_tasks_order", "asked_at"),)

    kind: Mapped[EmbeddedKind] = mapped_column(text_enum(EmbeddedKind), primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime]
    refused_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    refused_by: Mapped[str | None]
