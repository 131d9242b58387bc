"""When its ticket was made, on each comment: a search puts its matches in order by it."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("comments", sa.Column("ticket_created_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE comments SET ticket_created_at = tickets.created_at FROM tickets WHERE tickets.id = comments.ticket_id"
    )


def downgrade() -> None:
    op.drop_column("comments", "ticket_created_at")
