"""canned responses, macros, ticket templates, checklists, time and tags."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TICKET_COUNTS = ("checklist_count", "checklist_done_count", "open_required_count")


def _instants() -> list[sa.Column[object]]:
    return [
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
    ]


def _sharing() -> list[sa.Column[object]]:
    scope = sa.Enum(
        "personal", "team", "shared", name="sharingscope", native_enum=False, create_constraint=True, length=32
    )
    return [
        sa.Column("scope", scope, nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
    ]


def upgrade() -> None:
    _canned_responses()
    _macros()
    _ticket_templates()
    _checklists()
    _time()
    _tags()


def _canned_responses() -> None:
    op.create_table(
        "canned_responses",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        *_sharing(),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        *_instants(),
        sa.CheckConstraint(
            "(scope = 'team') = (team_id IS NOT NULL)", name=op.f("ck_canned_responses_team_of_team_response")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_canned_responses_owner_id")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_canned_responses_team_id")),
        sa.ForeignKeyConstraint(["category_id"], ["categories.id"], name=op.f("fk_canned_responses_category_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_responses")),
    )
    op.create_index("ix_canned_responses_title", "canned_responses", ["title", "id"])
    op.create_index("ix_canned_responses_owner", "canned_responses", ["owner_id"])


def _macros() -> None:
    op.create_table(
        "macros",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        *_sharing(),
        sa.Column("conditions", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("steps", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        *_instants(),
        sa.CheckConstraint("(scope = 'team') = (team_id IS NOT NULL)", name=op.f("ck_macros_team_of_team_macro")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_macros_owner_id")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_macros_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_macros")),
    )
    op.create_index("ix_macros_title", "macros", ["title", "id"])
    op.create_index("ix_macros_owner", "macros", ["owner_id"])


def _ticket_templates() -> None:
    audience = sa.Enum("everybody", "staff", name="formaudience", native_enum=False, create_constraint=True, length=32)
    op.create_table(
        "ticket_templates",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("visible_to", audience, nullable=False),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("checklist", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        *_instants(),
        sa.ForeignKeyConstraint(["category_id"], ["categories.id"], name=op.f("fk_ticket_templates_category_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_templates")),
    )
    op.create_index("ix_ticket_templates_name", "ticket_templates", ["name", "id"])


def _checklists() -> None:
    for name in _TICKET_COUNTS:
        op.add_column("tickets", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_table(
        "checklist_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by_id", sa.Uuid(), nullable=True),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        *_instants(),
        sa.CheckConstraint(
            "(done_at IS NULL) = (done_by_id IS NULL)", name=op.f("ck_checklist_items_done_by_somebody")
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_checklist_items_ticket_id")),
        sa.ForeignKeyConstraint(["assignee_id"], ["users.id"], name=op.f("fk_checklist_items_assignee_id")),
        sa.ForeignKeyConstraint(["done_by_id"], ["users.id"], name=op.f("fk_checklist_items_done_by_id")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_checklist_items_created_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checklist_items")),
    )
    op.create_index("ix_checklist_items_order", "checklist_items", ["ticket_id", "position", "id"])


def _time() -> None:
    op.create_table(
        "time_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("worked_on", sa.Date(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("is_billable", sa.Boolean(), nullable=False),
        sa.Column("hourly_rate", sa.Integer(), nullable=True),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        *_instants(),
        sa.CheckConstraint("seconds IS NOT NULL OR started_at IS NOT NULL", name=op.f("ck_time_entries_running_since")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_time_entries_ticket_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_time_entries_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_time_entries")),
    )
    op.create_index("ix_time_entries_ticket", "time_entries", ["ticket_id", "created_at", "id"])
    op.create_index("ix_time_entries_user", "time_entries", ["user_id", "created_at", "id"])
    op.create_index(
        "uq_time_entries_running", "time_entries", ["user_id"], unique=True, postgresql_where=sa.text("seconds IS NULL")
    )
    op.create_table(
        "time_rates",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("default_rate", sa.Integer(), nullable=True),
        sa.Column("by_user", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("by_team", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_time_rates_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_time_rates")),
    )


def _tags() -> None:
    status = sa.Enum(
        "queued",
        "running",
        "done",
        "failed",
        name="tagrenamestatus",
        native_enum=False,
        create_constraint=True,
        length=32,
    )
    op.create_table(
        "tag_renames",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("new_name", sa.Text(), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("status", status, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=True),
        sa.Column("problem_code", sa.Text(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("is_active", name=op.f("ck_tag_renames_active_or_null")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_tag_renames_created_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_renames")),
    )
    op.create_index("uq_tag_renames_active", "tag_renames", ["is_active"], unique=True)
    op.create_index("ix_tag_renames_created", "tag_renames", ["created_at", "id"])


def downgrade() -> None:
    op.drop_table("tag_renames")
    op.drop_table("time_rates")
    op.drop_table("time_entries")
    op.drop_table("checklist_items")
    for name in reversed(_TICKET_COUNTS):
        op.drop_column("tickets", name)
    op.drop_table("ticket_templates")
    op.drop_table("macros")
    op.drop_table("canned_responses")
