"""names in questions, and the words of the corpus."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Ships with PostgreSQL, and since version 13 an owner of the database may switch it on.
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_index("ix_users_lower_name", "users", [sa.literal_column("lower(name)")])
    op.create_index(
        "ix_users_name_trigrams",
        "users",
        ["name"],
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops"},
    )
    op.create_index("ix_organizations_lower_name", "organizations", [sa.literal_column("lower(name)")])
    op.create_table(
        "search_words",
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("seen_count", sa.Integer(), nullable=False),
        sa.Column("stems", sa.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_search_words")),
    )
    op.create_index(
        "ix_search_words_trigrams",
        "search_words",
        ["word"],
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
    )
    op.create_index("ix_search_words_stems", "search_words", ["stems"], postgresql_using="gin")
    op.create_table(
        "search_progress",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reached", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_search_progress")),
    )
    op.create_index(
        "ix_tickets_internal_custom_fields",
        "tickets",
        ["internal_custom_fields"],
        postgresql_using="gin",
        postgresql_ops={"internal_custom_fields": "jsonb_path_ops"},
        postgresql_where=sa.text("internal_custom_fields <> '{}'::jsonb"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_tickets_internal_custom_fields",
        table_name="tickets",
        postgresql_where=sa.text("internal_custom_fields <> '{}'::jsonb"),
    )
    op.drop_table("search_progress")
    op.drop_table("search_words")
    op.drop_index("ix_organizations_lower_name", table_name="organizations")
    op.drop_index("ix_users_name_trigrams", table_name="users")
    op.drop_index("ix_users_lower_name", table_name="users")
    # The extension stays: something else in the database may have come to use it.
