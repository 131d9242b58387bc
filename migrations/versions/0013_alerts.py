"""alert integrations, alerts, storms."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KINDS = (
    "generic",
    "alertmanager",
    "grafana",
    "pagerduty",
    "opsgenie",
    "icinga",
    "zabbix",
    "aws_sns",
    "azure_monitor",
    "datadog",
    "sentry",
    "uptime_kuma",
    "statuspage",
    "cloudevents",
)


def _enum(*values: str, name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _jsonb(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "alert_integrations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", _enum(*_KINDS, name="alertkind"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("key_hint", sa.Text(), nullable=False),
        sa.Column("previous_key_hash", sa.LargeBinary(), nullable=True),
        sa.Column("previous_key_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signing_secret", sa.Text(), nullable=True),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        _jsonb("rules"),
        _jsonb("asset_labels"),
        _jsonb("mapping", nullable=True),
        sa.Column("on_resolve", _enum("note", "resolve", name="resolveeffect"), nullable=False),
        sa.Column("note_visibility", _enum("public", "internal", name="visibility"), nullable=False),
        sa.Column("grouping", _enum("alert", "group", name="alertgrouping"), nullable=False),
        sa.Column("flap_window_seconds", sa.Integer(), nullable=False),
        sa.Column("storm_limit", sa.Integer(), nullable=True),
        sa.Column("storm_window_seconds", sa.Integer(), nullable=False),
        sa.Column("storm_label", sa.Text(), nullable=True),
        sa.Column("confirms_subscriptions", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "(previous_key_hash IS NULL) = (previous_key_expires_at IS NULL)",
            name=op.f("ck_alert_integrations_previous_key_ends"),
        ),
        sa.ForeignKeyConstraint(["category_id"], ["categories.id"], name=op.f("fk_alert_integrations_category_id")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_alert_integrations_team_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_alert_integrations_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_integrations")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_alert_integrations_key_hash")),
        sa.UniqueConstraint("previous_key_hash", name=op.f("uq_alert_integrations_previous_key_hash")),
    )
    op.create_index("ix_alert_integrations_created", "alert_integrations", ["created_at", "id"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("dedup_key", sa.Text(), nullable=False),
        sa.Column("state", _enum("open", "acknowledged", "resolved", name="alertstate"), nullable=False),
        sa.Column("severity", _enum("info", "warning", "error", "critical", name="alertseverity"), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        _jsonb("labels"),
        _jsonb("annotations"),
        sa.Column("storm_value", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("in_storm", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(["integration_id"], ["alert_integrations.id"], name=op.f("fk_alerts_integration_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_alerts_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    unresolved = sa.text("state <> 'resolved'")
    op.create_index(
        "uq_alerts_unresolved", "alerts", ["integration_id", "dedup_key"], unique=True, postgresql_where=unresolved
    )
    op.create_index("ix_alerts_key", "alerts", ["integration_id", "dedup_key", "resolved_at"], unique=False)
    op.create_index("ix_alerts_rate", "alerts", ["integration_id", "storm_value", "first_seen_at"], unique=False)
    op.create_index("ix_alerts_ticket", "alerts", ["ticket_id", "first_seen_at", "id"], unique=False)
    op.create_index("ix_alerts_seen", "alerts", ["first_seen_at", "id"], unique=False)
    op.create_index("ix_alerts_integration_seen", "alerts", ["integration_id", "first_seen_at", "id"], unique=False)
    op.create_index("ix_alerts_present", "alerts", ["first_seen_at", "id"], postgresql_where=unresolved)
    op.create_table(
        "alert_storms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("storm_value", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["alert_integrations.id"], name=op.f("fk_alert_storms_integration_id")
        ),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_alert_storms_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_storms")),
    )
    op.create_index(
        "uq_alert_storms_present",
        "alert_storms",
        ["integration_id", "storm_value"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("alert_storms")
    op.drop_table("alerts")
    op.drop_table("alert_integrations")
