"""Views in groups by assignee."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_BEFORE = ("status", "priority", "team_id", "sla_state")


def _allow(*groupings: str) -> None:
    words = ", ".join(f"'{grouping}'" for grouping in groupings)
    op.execute("-- squawk-ignore ban-drop-constraint\nALTER TABLE views DROP CONSTRAINT ck_views_viewgrouping")
    # In the one transaction of this migration, over a table of some hundred rows: moments.
    op.execute(
        "-- squawk-ignore constraint-missing-not-valid\n"
        f"ALTER TABLE views ADD CONSTRAINT ck_views_viewgrouping CHECK (group_by IN ({words}))"
    )


def upgrade() -> None:
    _allow(*_BEFORE, "assignee_id")


def downgrade() -> None:
    op.execute("UPDATE views SET group_by = NULL, version = version + 1 WHERE group_by = 'assignee_id'")
    _allow(*_BEFORE)
