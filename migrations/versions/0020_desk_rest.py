"""Files of drafts and of articles."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_COLUMNS = {"draft_id": "drafts", "draft_ticket_id": "tickets", "article_id": "articles"}


def upgrade() -> None:
    # The columns are new and empty: there is nothing to validate, and no entry to make.
    for column, table in _COLUMNS.items():
        op.add_column("attachments", sa.Column(column, sa.Uuid(), nullable=True))
        op.execute(
            "-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid\n"
            f"ALTER TABLE attachments ADD CONSTRAINT fk_attachments_{column} FOREIGN KEY ({column})"
            f" REFERENCES {table} (id)"
        )
    op.execute(
        "-- squawk-ignore require-concurrent-index-creation\n"
        "CREATE INDEX ix_attachments_draft ON attachments (draft_id, id) WHERE draft_id IS NOT NULL"
    )
    op.execute(
        "-- squawk-ignore require-concurrent-index-creation\n"
        "CREATE INDEX ix_attachments_article ON attachments (article_id, created_at, id) WHERE article_id IS NOT NULL"
    )


def downgrade() -> None:
    for index, column in (("ix_attachments_article", "article_id"), ("ix_attachments_draft", "draft_id")):
        op.drop_index(index, table_name="attachments", postgresql_where=sa.text(f"{column} IS NOT NULL"))
    for column in reversed(_COLUMNS):
        op.drop_column("attachments", column)
