"""How long codes are, which hardly differs: what PostgreSQL knows of that it need not guess, and it plans by it."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE STATISTICS embeddings_code_length ON length(code) FROM embeddings")
    op.execute("ANALYZE embeddings")


def downgrade() -> None:
    op.execute("DROP STATISTICS embeddings_code_length")
