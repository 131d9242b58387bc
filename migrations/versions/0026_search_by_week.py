"""The week of its ticket beside the words in their index: the newest matches of a frequent word are found alone.

Built while others write, and outside of a transaction, as PostgreSQL wants it; begun again where it was cut off.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_WEEK = "(ARRAY[coalesce((({} AT TIME ZONE 'UTC')::date - '1970-01-01'::date) / 7, 0)])"
_INSTANTS = {"tickets": "created_at", "comments": "ticket_created_at"}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table, instant in _INSTANTS.items():
            _replace(f"ix_{table}_search", f"ix_{table}_search_by_week", table, sa.text(_WEEK.format(instant)))


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for table in _INSTANTS:
            _replace(f"ix_{table}_search_by_week", f"ix_{table}_search", table)


def _replace(old: str, new: str, table: str, *more: sa.TextClause) -> None:
    # Nobody waits for it, and it waits for transactions that began before it.
    op.execute("SET lock_timeout = 0")
    op.drop_index(new, table, postgresql_concurrently=True, if_exists=True)
    op.create_index(
        new,
        table,
        ["search", *more],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 256},
        postgresql_concurrently=True,
        if_not_exists=True,
    )
    op.drop_index(old, table, postgresql_concurrently=True, if_exists=True)
    op.execute("RESET lock_timeout")
