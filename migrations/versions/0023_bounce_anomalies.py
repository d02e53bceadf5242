"""Keep hard bounces by what was said, and the anomalies in which providers called living mailboxes dead."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB


revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "bounce_anomaly",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("evidence", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("decided_by", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "bounce_anomaly_open",
        "bounce_anomaly",
        ["place", "text"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "hard_bounce",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("is_known", sa.Boolean(), nullable=False),
        sa.Column("bounced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'suppressed'"), nullable=False),
        sa.Column("anomaly_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('suppressed', 'held', 'released', 'confirmed')", name="hard_bounce_state"
        ),
        sa.ForeignKeyConstraint(["tenant_id", "delivery_id"], ["delivery.tenant_id", "delivery.id"]),
        sa.ForeignKeyConstraint(["anomaly_id"], ["bounce_anomaly.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "delivery_id"),
    )
    op.create_index("hard_bounce_lately", "hard_bounce", ["place", "text", "noted_at"])
    op.create_index("hard_bounce_of_anomaly", "hard_bounce", ["anomaly_id"])
