"""an event costs three index entries until it is numbered, instead of six."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "uq_events_numbered", "events", ["sequence"], unique=True, postgresql_where=sa.text("sequence IS NOT NULL")
    )
    op.create_index(
        "ix_events_of_type",
        "events",
        ["type", "sequence"],
        unique=False,
        postgresql_where=sa.text("sequence IS NOT NULL"),
    )
    # Each takes its lock for a moment only, and gives up after the migrations' lock timeout.
    op.execute("-- squawk-ignore require-concurrent-index-deletion\nDROP INDEX ix_events_type")
    for constraint in ("uq_events_sequence", "uq_events_position"):
        op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE events DROP CONSTRAINT {constraint}")


def downgrade() -> None:
    op.create_unique_constraint(op.f("uq_events_position"), "events", ["position"])
    op.create_unique_constraint(op.f("uq_events_sequence"), "events", ["sequence"])
    op.create_index("ix_events_type", "events", ["type", "sequence"], unique=False)
    op.drop_index("ix_events_of_type", table_name="events")
    op.drop_index("uq_events_numbered", table_name="events")
