"""webhooks, their deliveries and attempts."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TEMPLATES = (
    "received",
    "in_good_hands",
    "assigned",
    "replied",
    "requester_replied",
    "mentioned",
    "shared",
    "reminder",
    "resolved",
    "reopened",
    "closed",
    "cancelled",
    "service_level",
    "password_reset",
    "invitation",
)


def _allow_templates(names: tuple[str, ...]) -> None:
    allowed = ", ".join(f"'{name}'" for name in names)
    # In one transaction, over a table of mails: moments. A constraint left unvalidated would not be compared.
    op.execute(
        "-- squawk-ignore ban-drop-constraint\n"
        "ALTER TABLE outbound_mails DROP CONSTRAINT ck_outbound_mails_mailtemplate"
    )
    op.execute(
        "-- squawk-ignore constraint-missing-not-valid\n"
        f"ALTER TABLE outbound_mails ADD CONSTRAINT ck_outbound_mails_mailtemplate CHECK (template IN ({allowed}))"
    )


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _instant(name: str, *, nullable: bool) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _number(name: str, kind: type[sa.Integer], default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, kind(), server_default=sa.text(default) if default else None, nullable=False)


def upgrade() -> None:
    _allow_templates((*_TEMPLATES, "webhook_failing"))
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("event_types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("conditions", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("payload", _one_of("webhookpayload", "full", "thin"), nullable=False),
        sa.Column("is_ordered", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", _one_of("webhookdisabledreason", "gone", "failing"), nullable=True),
        sa.Column("circuit", _one_of("circuitstate", "closed", "open"), nullable=False),
        _instant("circuit_opened_at", nullable=True),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("sealed_previous_secret", sa.Text(), nullable=True),
        _instant("previous_secret_expires_at", nullable=True),
        _instant("created_at", nullable=False),
        _instant("updated_at", nullable=False),
        _number("version", sa.Integer, "1"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_webhooks_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index("ix_webhooks_owner", "webhooks", ["owner_id", "id"], unique=False)
    op.create_table(
        "webhook_progress",
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        _number("last_number", sa.BigInteger, "0"),
        _number("failures", sa.Integer, "0"),
        _instant("failing_since", nullable=True),
        _number("probes", sa.Integer, "0"),
        _instant("next_probe_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_progress_webhook_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_webhook_progress")),
    )
    _create_deliveries()


def _create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        _number("number", sa.BigInteger),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("state", _one_of("deliverystate", "pending", "delivered", "dead", "withheld"), nullable=False),
        _number("step", sa.SmallInteger, "0"),
        _number("attempt_count", sa.Integer, "0"),
        _instant("next_attempt_at", nullable=True),
        sa.Column("leased_by", sa.Uuid(), nullable=True),
        sa.Column("last_status", sa.SmallInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        _instant("created_at", nullable=False),
        _instant("delivered_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("webhook_id", "event_id", name=op.f("uq_webhook_deliveries_webhook_id_event_id")),
        sa.UniqueConstraint("webhook_id", "number", name=op.f("uq_webhook_deliveries_webhook_id_number")),
    )
    op.create_index("ix_webhook_deliveries_state", "webhook_deliveries", ["webhook_id", "state", "number"])
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["webhook_id", "next_attempt_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "webhook_attempts",
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _instant("started_at", nullable=False),
        _number("duration_ms", sa.Integer),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("answer_head", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["webhook_deliveries.id"],
            name=op.f("fk_webhook_attempts_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_webhook_attempts")),
    )


def downgrade() -> None:
    op.drop_table("webhook_attempts")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_progress")
    op.drop_index("ix_webhooks_owner", table_name="webhooks")
    op.drop_table("webhooks")
    # Mails of this kind are news of yesterday; with them the older constraint would not hold.
    op.execute("DELETE FROM outbound_mails WHERE template = 'webhook_failing'")
    _allow_templates(_TEMPLATES)
