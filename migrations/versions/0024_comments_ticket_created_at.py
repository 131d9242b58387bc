"""When its ticket was made, on each comment: a search puts its matches in order by it.

Of those that are there already it is looked up as before: to write it down would hold the table for minutes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("comments", sa.Column("ticket_created_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("comments", "ticket_created_at")
