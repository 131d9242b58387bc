"""Files of drafts and of articles."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_COLUMNS = {"draft_id": "drafts", "draft_ticket_id": "tickets", "article_id": "articles"}


def upgrade() -> None:
    for column, table in _COLUMNS.items():
        op.add_column("attachments", sa.Column(column, sa.Uuid(), nullable=True))
        op.create_foreign_key(op.f(f"fk_attachments_{column}"), "attachments", table, [column], ["id"])
    op.create_index(
        "ix_attachments_draft",
        "attachments",
        ["draft_id", "id"],
        postgresql_where=sa.text("draft_id IS NOT NULL"),
    )
    op.create_index(
        "ix_attachments_article",
        "attachments",
        ["article_id", "created_at", "id"],
        postgresql_where=sa.text("article_id IS NOT NULL"),
    )


def downgrade() -> None:
    for index, column in (("ix_attachments_article", "article_id"), ("ix_attachments_draft", "draft_id")):
        op.drop_index(index, table_name="attachments", postgresql_where=sa.text(f"{column} IS NOT NULL"))
    for column in reversed(_COLUMNS):
        op.drop_column("attachments", column)
