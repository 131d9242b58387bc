"""Tickets by their last change, as the staff are shown it.

Built while others write, and outside of a transaction, as PostgreSQL wants it; begun again where it was cut off.
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_NAME = "ix_tickets_internally_updated"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # Nobody waits for it, and it waits for transactions that began before it.
        op.execute("SET lock_timeout = 0")
        op.drop_index(_NAME, "tickets", postgresql_concurrently=True, if_exists=True)
        op.create_index(_NAME, "tickets", ["updated_at", "id"], postgresql_concurrently=True, if_not_exists=True)
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.drop_index(_NAME, "tickets", postgresql_concurrently=True, if_exists=True)
        op.execute("RESET lock_timeout")
