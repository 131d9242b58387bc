"""Texts that a model does not take are set aside."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "embedding_tasks", sa.Column("refused_count", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("embedding_tasks", sa.Column("refused_by", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("embedding_tasks", "refused_by")
    op.drop_column("embedding_tasks", "refused_count")
