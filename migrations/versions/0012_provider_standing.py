"""Warm up by mailbox provider: a schedule for each sending domain, and how it stands with each provider."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("sending_domain", sa.Column("schedule", sa.Text(), nullable=True))
    op.add_column(
        "sending_domain", sa.Column("known_daily_volume", sa.BigInteger(), server_default="0", nullable=False)
    )
    # Who climbs the ladder goes on climbing it.
    op.execute("UPDATE sending_domain SET schedule = 'ladder' WHERE rung IS NOT NULL")
    op.create_table(
        "provider_standing",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sending_domain_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("pace", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("braked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("brake", sa.Text(), nullable=True),
        sa.Column("brakes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("braked_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "sending_domain_id"], ["sending_domain.tenant_id", "sending_domain.id"]
        ),
        sa.PrimaryKeyConstraint("tenant_id", "sending_domain_id", "provider"),
    )
    op.add_column("warmup_allowance", sa.Column("hour", sa.SmallInteger(), nullable=True))
    op.add_column(
        "warmup_allowance", sa.Column("used_this_hour", sa.BigInteger(), server_default="0", nullable=False)
    )
