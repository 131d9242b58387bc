"""forms."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forms")),
    )
    op.create_index("uq_forms_name", "forms", [sa.literal_column("lower(name)")], unique=True)
    op.create_table(
        "form_versions",
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_by_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_form_versions_created_by_id")),
        sa.ForeignKeyConstraint(["form_id"], ["forms.id"], name=op.f("fk_form_versions_form_id")),
        sa.PrimaryKeyConstraint("form_id", "number", name=op.f("pk_form_versions")),
    )
    op.add_column("categories", sa.Column("default_form_id", sa.Uuid(), nullable=True))
    # The columns are new and empty, so there is nothing to validate for long.
    op.execute(
        "-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid\n"
        "ALTER TABLE categories ADD CONSTRAINT fk_categories_default_form_id"
        " FOREIGN KEY (default_form_id) REFERENCES forms (id)"
    )
    op.add_column("tickets", sa.Column("form_id", sa.Uuid(), nullable=True))
    op.add_column("tickets", sa.Column("form_number", sa.Integer(), nullable=True))
    op.add_column(
        "tickets",
        sa.Column(
            "custom_fields", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
    )
    op.add_column(
        "tickets",
        sa.Column(
            "internal_custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
    )
    op.create_index(
        "ix_tickets_custom_fields",
        "tickets",
        ["custom_fields"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"custom_fields": "jsonb_path_ops"},
        postgresql_where=sa.text("custom_fields <> '{}'::jsonb"),
    )
    op.execute(
        "-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid\n"
        "ALTER TABLE tickets ADD CONSTRAINT fk_tickets_form_id FOREIGN KEY (form_id) REFERENCES forms (id)"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("fk_tickets_form_id"), "tickets", type_="foreignkey")
    op.drop_index(
        "ix_tickets_custom_fields",
        table_name="tickets",
        postgresql_using="gin",
        postgresql_ops={"custom_fields": "jsonb_path_ops"},
        postgresql_where=sa.text("custom_fields <> '{}'::jsonb"),
    )
    op.drop_column("tickets", "internal_custom_fields")
    op.drop_column("tickets", "custom_fields")
    op.drop_column("tickets", "form_number")
    op.drop_column("tickets", "form_id")
    op.drop_constraint(op.f("fk_categories_default_form_id"), "categories", type_="foreignkey")
    op.drop_column("categories", "default_form_id")
    op.drop_table("form_versions")
    op.drop_index("uq_forms_name", table_name="forms")
    op.drop_table("forms")
