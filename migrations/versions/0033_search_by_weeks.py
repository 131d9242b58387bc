"""Eight weeks have an entry of their own beside the words: to look in many weeks takes few of them.

Built while others write, and outside of a transaction, as PostgreSQL wants it; begun again where it was cut off. Until
it is done the index of the release before is there, which does not know them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_DAYS = "(({} AT TIME ZONE 'UTC')::date - '1970-01-01'::date)"
_WEEK = f"(ARRAY[coalesce({_DAYS} / 7, 0)])"
_WEEKS = f"(ARRAY[coalesce({_DAYS} / 7, 0), coalesce(1000000 + ({_DAYS} / 56), 0)])"
_INSTANTS = {"tickets": "created_at", "comments": "ticket_created_at"}


def upgrade() -> None:
    for table, instant in _INSTANTS.items():
        _replace(f"ix_{table}_search_by_week", f"ix_{table}_search_by_weeks", table, _WEEKS.replace("{}", instant))


def downgrade() -> None:
    for table, instant in _INSTANTS.items():
        _replace(f"ix_{table}_search_by_weeks", f"ix_{table}_search_by_week", table, _WEEK.replace("{}", instant))


def _replace(old: str, new: str, table: str, weeks: str) -> None:
    with op.get_context().autocommit_block():
        # Nobody waits for it, and it waits for transactions that began before it.
        op.execute("SET lock_timeout = 0")
        op.drop_index(new, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(
            new,
            table,
            ["search", sa.text(weeks)],
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 256},
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.drop_index(old, table, postgresql_concurrently=True, if_exists=True)
        op.execute("RESET lock_timeout")
