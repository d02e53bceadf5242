"""Share an account's rate between tenants in turns, and let a tenant's rate be limited, as a whole or by mailbox provider."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("tenant", sa.Column("weight", sa.Float(), server_default="1", nullable=False))
    op.create_check_constraint("tenant_weight", "tenant", "weight BETWEEN 0.01 AND 100")
    op.add_column("ses_account", sa.Column("virtual_time", sa.Float(), server_default="0", nullable=False))
    op.add_column(
        "ses_account",
        sa.Column(
            "express_due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
    )
    op.create_table(
        "sender_turn",
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("finish", sa.Float(), server_default="0", nullable=False),
        sa.Column("virtual_time", sa.Float(), server_default="0", nullable=False),
        sa.Column(
            "campaigns",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("region", "tenant_id"),
        # What a crash of the server forgets here is who was next, and everybody is asked for that again.
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "rate_limit",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("per_second", sa.Float(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "provider"),
        sa.CheckConstraint("per_second >= 0.2", name="rate_limit_per_second"),
    )
