"""No text of a ticket or a comment keeps PostgreSQL's parser for minutes.

A vector that is computed otherwise is computed anew: nobody writes or reads the two tables meanwhile, about a minute
for a million tickets and their comments.
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_WEEK = "(ARRAY[coalesce((({} AT TIME ZONE 'UTC')::date - '1970-01-01'::date) / 7, 0)])"
_INSTANTS = {"tickets": "created_at", "comments": "ticket_created_at"}
_TEXTS = {
    "tickets": "reference_prefix || '-' || number::text || ' ' || subject || ' ' || description"
    " || ' ' || coalesce(steps_tried, '') || ' ' || coalesce(affected_service, '')",
    "comments": "body",
}


def upgrade() -> None:
    _compute("translate({}, '<~_/', '    ')")


def downgrade() -> None:
    _compute("{}")


def _compute(text: str) -> None:
    for table, instant in _INSTANTS.items():
        # With its index; PostgreSQL 15 and 16 cannot give a column another expression.
        op.execute(f"-- squawk-ignore ban-drop-column\nALTER TABLE {table} DROP COLUMN search")
        op.execute(
            "-- squawk-ignore adding-required-field, adding-field-with-default\n"
            f"ALTER TABLE {table} ADD COLUMN search tsvector NOT NULL"
            f" GENERATED ALWAYS AS (to_tsvector('simple', {text.format(_TEXTS[table])})) STORED"
        )
        op.execute(
            "-- squawk-ignore require-concurrent-index-creation\n"
            f"CREATE INDEX ix_{table}_search_by_week ON {table}"
            f" USING gin (search, {_WEEK.format(instant)}) WITH (gin_pending_list_limit = 256)"
        )
        # What searches know of their words, they know by it.
        op.execute(f"ANALYZE {table} (search)")
