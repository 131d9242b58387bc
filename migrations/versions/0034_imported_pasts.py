"""Where the past of a ticket that is being imported ends by now."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tickets", sa.Column("imported_until", sa.DateTime(timezone=True), nullable=True))
    # Those whose clocks rest. Of the others nothing says whether their import is over, and all goes on for them.
    op.execute(
        """
        UPDATE tickets SET imported_until = past.ends_at
        FROM (
            SELECT clocks.ticket_id, max(events.occurred_at) AS ends_at
            FROM (
                SELECT ticket_id FROM sla_clocks WHERE ended_at IS NULL
                GROUP BY ticket_id HAVING bool_and(next_timer_at IS NULL) AND bool_or(state = 'running')
            ) AS clocks
            JOIN events ON events.ticket_id = clocks.ticket_id
            WHERE events.data @> '{"imported": true}' AND events.type NOT LIKE 'sla.%'
            GROUP BY clocks.ticket_id
        ) AS past
        WHERE tickets.id = past.ticket_id
        """
    )


def downgrade() -> None:
    op.drop_column("tickets", "imported_until")
