"""a new clock locks neither its policy nor its calendar."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_REFERENCES = {"policy_id": "sla_policies", "calendar_id": "calendars"}


def upgrade() -> None:
    # Both are archived and never deleted. A check costs a query for each clock, and a lock on the row that all share.
    for column in _REFERENCES:
        op.execute(
            f"-- squawk-ignore ban-drop-constraint\nALTER TABLE sla_clocks DROP CONSTRAINT fk_sla_clocks_{column}"
        )


def downgrade() -> None:
    for column, table in _REFERENCES.items():
        op.create_foreign_key(op.f(f"fk_sla_clocks_{column}"), "sla_clocks", table, [column], ["id"])
