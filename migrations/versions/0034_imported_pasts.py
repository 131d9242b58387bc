"""Where the past of a ticket that is being imported ends by now."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tickets", sa.Column("imported_until", sa.DateTime(timezone=True), nullable=True))
    # Those whose clocks rest: without a timer although one is not late yet, or as the last word of a past left them.
    op.execute(
        """
        UPDATE tickets SET imported_until = past.ends_at
        FROM (
            SELECT clocks.ticket_id, max(told.occurred_at) FILTER (WHERE told.is_past) AS ends_at
            FROM (
                SELECT ticket_id, bool_or(state = 'running' AND breached_at IS NULL) AS is_in_time
                FROM sla_clocks WHERE ended_at IS NULL
                GROUP BY ticket_id HAVING bool_and(next_timer_at IS NULL) AND bool_or(state = 'running')
            ) AS clocks
            JOIN (
                SELECT ticket_id, position, occurred_at, data @> '{"imported": true}' AS is_past
                FROM events WHERE type NOT LIKE 'sla.%'
            ) AS told ON told.ticket_id = clocks.ticket_id
            GROUP BY clocks.ticket_id, clocks.is_in_time
            HAVING bool_or(told.is_past)
            AND (clocks.is_in_time OR (array_agg(told.is_past ORDER BY told.position DESC))[1])
        ) AS past
        WHERE tickets.id = past.ticket_id
        """
    )


def downgrade() -> None:
    op.drop_column("tickets", "imported_until")
