"""tickets are found by the id of what they are about, whatever words stand after it."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"
branch_labels = None
depends_on = None

_INDEXES = {"ix_tickets_first_words": "custom_fields", "ix_tickets_internal_first_words": "internal_custom_fields"}


def upgrade() -> None:
    # The C collation, since an index holds only what can never come out differently; ids are ASCII.
    op.execute(
        """
        CREATE FUNCTION helpdesk_first_words(fields jsonb) RETURNS text[]
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
            SELECT coalesce(array_agg(key || ' ' || lower(split_part(value #>> '{}', ' ', 1) COLLATE "C")), '{}')
            FROM jsonb_each(fields)
            WHERE jsonb_typeof(value) = 'string' AND length(value #>> '{}') <= 300
        $$
        """
    )
    for name, column in _INDEXES.items():
        op.create_index(
            name,
            "tickets",
            [sa.literal_column(f"helpdesk_first_words({column})")],
            postgresql_using="gin",
            postgresql_where=sa.text(f"{column} <> '{{}}'::jsonb"),
        )


def downgrade() -> None:
    for name, column in _INDEXES.items():
        op.drop_index(name, table_name="tickets", postgresql_where=sa.text(f"{column} <> '{{}}'::jsonb"))
    op.execute("DROP FUNCTION helpdesk_first_words(jsonb)")
