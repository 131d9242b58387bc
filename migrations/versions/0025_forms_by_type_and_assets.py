"""a form for each type of ticket in a category; tickets are found by the id of what they are about."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_INDEXES = {"ix_tickets_first_words": "custom_fields", "ix_tickets_internal_first_words": "internal_custom_fields"}
_TYPES = ("incident", "service_request", "problem", "change")


def upgrade() -> None:
    for kind in _TYPES:
        name = f"{kind}_form_id"
        op.add_column("categories", sa.Column(name, sa.Uuid(), nullable=True))
        # The column is new and empty, so there is nothing to validate for long.
        op.execute(
            "-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid\n"
            f"ALTER TABLE categories ADD CONSTRAINT fk_categories_{name} FOREIGN KEY ({name}) REFERENCES forms (id)"
        )
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
    for kind in reversed(_TYPES):
        op.drop_constraint(op.f(f"fk_categories_{kind}_form_id"), "categories", type_="foreignkey")
        op.drop_column("categories", f"{kind}_form_id")
