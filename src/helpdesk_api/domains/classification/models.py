"""What was learned, as a file in a row where every process finds it, and from where on it decides."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Index, Integer, LargeBinary, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk_api.database.base import Base
from helpdesk_api.database.types import text_enum
from helpdesk_api.domains.classification.enums import TrainingOutcome


class ClassificationModel(Base):
    """One training and what came of it. Only the model in use keeps its file; `measures` are by field, on tickets
    that no training sees."""

    __tablename__ = "classification_models"
    __table_args__ = (
        CheckConstraint("(content IS NULL) = (sha256 IS NULL)", name="checked"),
        CheckConstraint("NOT is_active OR content IS NOT NULL", name="active_has_content"),
        Index("uq_classification_models_active", "is_active", unique=True, postgresql_where=text("is_active")),
    )

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    outcome: Mapped[TrainingOutcome] = mapped_column(text_enum(TrainingOutcome))
    is_active: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    trained_at: Mapped[datetime]
    trained_on: Mapped[int] = mapped_column(Integer)
    measured_on: Mapped[int] = mapped_column(Integer)
    measures: Mapped[dict[str, Any]] = mapped_column(JSONB)
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    sha256: Mapped[str | None]


class ClassificationSettings(Base):
    """The confidence from which each field is decided; null for suggestions only. Without a row the default ones."""

    __tablename__ = "classification_settings"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    thresholds: Mapped[dict[str, Any]] = mapped_column(JSONB)
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer)
