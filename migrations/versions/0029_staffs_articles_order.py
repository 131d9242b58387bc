"""Articles by the last change that the staff are shown.

The indexes are built while others write, and outside of a transaction, as PostgreSQL wants it; begun again where one was
cut off.
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_articles_staff_updated": ["updated_at", "id"],
    "ix_articles_staff_category": ["category_id", "updated_at", "id"],
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # Nobody waits for them, and they wait for transactions that began before them.
        op.execute("SET lock_timeout = 0")
        for name, columns in _INDEXES.items():
            op.drop_index(name, "articles", postgresql_concurrently=True, if_exists=True)
            op.create_index(name, "articles", columns, postgresql_concurrently=True, if_not_exists=True)
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        for name in _INDEXES:
            op.drop_index(name, "articles", postgresql_concurrently=True, if_exists=True)
        op.execute("RESET lock_timeout")
