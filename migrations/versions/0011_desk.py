"""canned responses."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


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


def downgrade() -> None:
    op.drop_table("canned_responses")
