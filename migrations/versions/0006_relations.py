"""links between tickets; merged tickets."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ticket_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("from_id", sa.Uuid(), nullable=False),
        sa.Column(
            "relation",
            sa.Enum(
                "duplicates",
                "blocks",
                "caused_by",
                "relates_to",
                "parent_of",
                name="relation",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("to_id", sa.Uuid(), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("from_id <> to_id", name=op.f("ck_ticket_links_two_tickets")),
        sa.ForeignKeyConstraint(["from_id"], ["tickets.id"], name=op.f("fk_ticket_links_from_id")),
        sa.ForeignKeyConstraint(["to_id"], ["tickets.id"], name=op.f("fk_ticket_links_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_links")),
        sa.UniqueConstraint("from_id", "to_id", "relation", name=op.f("uq_ticket_links_from_id_to_id_relation")),
    )
    op.create_index("ix_ticket_links_to", "ticket_links", ["to_id"], unique=False)
    op.create_index(
        "uq_ticket_links_parent",
        "ticket_links",
        ["to_id"],
        unique=True,
        postgresql_where=sa.text("relation = 'parent_of'"),
    )
    op.add_column("tickets", sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_tickets_merged_into_id"), "tickets", "tickets", ["merged_into_id"], ["id"])
    op.create_index(
        "ix_tickets_merged_into",
        "tickets",
        ["merged_into_id"],
        unique=False,
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )
    op.add_column("comments", sa.Column("merged_from_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_comments_merged_from_id"), "comments", "tickets", ["merged_from_id"], ["id"])
    op.create_index(
        "ix_comments_merged_from",
        "comments",
        ["merged_from_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("merged_from_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_comments_merged_from", table_name="comments", postgresql_where=sa.text("merged_from_id IS NOT NULL")
    )
    op.drop_column("comments", "merged_from_id")
    op.drop_index(
        "ix_tickets_merged_into", table_name="tickets", postgresql_where=sa.text("merged_into_id IS NOT NULL")
    )
    op.drop_column("tickets", "merged_into_id")
    op.drop_index(
        "uq_ticket_links_parent", table_name="ticket_links", postgresql_where=sa.text("relation = 'parent_of'")
    )
    op.drop_index("ix_ticket_links_to", table_name="ticket_links")
    op.drop_table("ticket_links")
