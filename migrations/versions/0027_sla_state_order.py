"""Tickets by how they stand to what was promised, the worst first; and which version numbers were withdrawn.

The index is built while others write, and outside of a transaction, as PostgreSQL wants it; begun again where it was cut
off.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_NAME = "ix_tickets_sla_state"
_RANK = "coalesce(array_position(ARRAY['breached', 'running', 'paused', 'met'], sla_state::text), 5)"
_VERSIONED = ("sla_policies", "calendars")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # Nobody waits for it, and it waits for transactions that began before it.
        op.execute("SET lock_timeout = 0")
        op.drop_index(_NAME, "tickets", postgresql_concurrently=True, if_exists=True)
        op.create_index(_NAME, "tickets", [sa.text(_RANK), "id"], postgresql_concurrently=True, if_not_exists=True)
        op.execute("RESET lock_timeout")
    for table in _VERSIONED:
        op.add_column(table, sa.Column("withdrawn_number", sa.Integer(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.drop_index(_NAME, "tickets", postgresql_concurrently=True, if_exists=True)
        op.execute("RESET lock_timeout")
    for table in _VERSIONED:
        op.drop_column(table, "withdrawn_number")
