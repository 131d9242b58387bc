"""attachments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("uploader_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("merged_from_id", sa.Uuid(), nullable=True),
        sa.Column("comment_id", sa.Uuid(), nullable=True),
        sa.Column(
            "visibility",
            sa.Enum("public", "internal", name="visibility", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "scanning",
                "available",
                "refused",
                name="attachmentstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.Column("has_thumbnail", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("referenced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple', translate(name, '._-', '   '))", persisted=True),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["comment_id"], ["comments.id"], name=op.f("fk_attachments_comment_id")),
        sa.ForeignKeyConstraint(["merged_from_id"], ["tickets.id"], name=op.f("fk_attachments_merged_from_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_attachments_ticket_id")),
        sa.ForeignKeyConstraint(["uploader_id"], ["users.id"], name=op.f("fk_attachments_uploader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    for name, columns, where in _INDEXES:
        op.create_index(name, "attachments", columns, postgresql_where=sa.text(where))
    op.create_index("ix_attachments_search", "attachments", ["search"], postgresql_using="gin")


_INDEXES = (
    ("ix_attachments_ticket", ["ticket_id", "created_at", "id"], "ticket_id IS NOT NULL"),
    ("ix_attachments_merged_from", ["merged_from_id", "created_at", "id"], "merged_from_id IS NOT NULL"),
    ("ix_attachments_comment", ["comment_id", "id"], "comment_id IS NOT NULL"),
    ("ix_attachments_unreferenced", ["uploader_id", "created_at"], "ticket_id IS NULL"),
)


def downgrade() -> None:
    op.drop_table("attachments")
