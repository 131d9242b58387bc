"""ratings, and how long tickets take."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "resolution_times",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "type",
            sa.Enum(
                "incident",
                "service_request",
                "problem",
                "change",
                name="tickettype",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "priority",
            sa.Enum(
                "low",
                "medium",
                "high",
                "critical",
                name="priority",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("ticket_count", sa.Integer(), nullable=False),
        sa.Column("half", sa.Interval(), nullable=False),
        sa.Column("most", sa.Interval(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["category_id"], ["categories.id"], name=op.f("fk_resolution_times_category_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resolution_times")),
    )
    op.create_index(
        "uq_resolution_times_kind",
        "resolution_times",
        ["type", "priority", "category_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.add_column("tickets", sa.Column("rating", sa.SmallInteger(), nullable=True))
    op.add_column("tickets", sa.Column("rating_comment", sa.Text(), nullable=True))
    op.add_column("tickets", sa.Column("rated_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("tickets", "rated_at")
    op.drop_column("tickets", "rating_comment")
    op.drop_column("tickets", "rating")
    op.drop_index("uq_resolution_times_kind", table_name="resolution_times", postgresql_nulls_not_distinct=True)
    op.drop_table("resolution_times")
