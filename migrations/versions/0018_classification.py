"""languages, and what is learned from tickets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_SOURCES = ("matrix", "rule", "category", "model", "manual", "default")


def _allow(*sources: str) -> None:
    words = ", ".join(f"'{source}'" for source in sources)
    op.execute("-- squawk-ignore ban-drop-constraint\nALTER TABLE tickets DROP CONSTRAINT ck_tickets_prioritysource")
    # In the one transaction of this migration: killed in its midst it can be run again.
    op.execute(
        "-- squawk-ignore constraint-missing-not-valid\n"
        f"ALTER TABLE tickets ADD CONSTRAINT ck_tickets_prioritysource CHECK (priority_source IN ({words}))"
    )


def upgrade() -> None:
    op.add_column("tickets", sa.Column("language", sa.Text(), nullable=True))
    op.add_column("comments", sa.Column("language", sa.Text(), nullable=True))
    op.create_table(
        "classification_models",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "activated",
                "not_better",
                "nothing_to_learn",
                "failed",
                name="trainingoutcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("trained_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trained_on", sa.Integer(), nullable=False),
        sa.Column("measured_on", sa.Integer(), nullable=False),
        sa.Column("measures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.CheckConstraint("(content IS NULL) = (sha256 IS NULL)", name=op.f("ck_classification_models_checked")),
        sa.CheckConstraint(
            "NOT is_active OR content IS NOT NULL", name=op.f("ck_classification_models_active_has_content")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_classification_models")),
    )
    op.create_index(
        "uq_classification_models_active",
        "classification_models",
        ["is_active"],
        unique=True,
        postgresql_where=sa.text("is_active"),
    )
    op.create_table(
        "classification_settings",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("thresholds", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_classification_settings_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_classification_settings")),
    )
    _allow(*_SOURCES)


def downgrade() -> None:
    op.execute("UPDATE tickets SET priority_source = 'default' WHERE priority_source = 'model'")
    _allow(*(source for source in _SOURCES if source != "model"))
    op.drop_table("classification_settings")
    op.drop_index(
        "uq_classification_models_active",
        table_name="classification_models",
        postgresql_where=sa.text("is_active"),
    )
    op.drop_table("classification_models")
    op.drop_column("comments", "language")
    op.drop_column("tickets", "language")
