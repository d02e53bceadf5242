"""Know which mailbox provider keeps each domain, and let deliveries be claimed by provider, engaged people first."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "mailbox_domain",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("reach", sa.Text(), nullable=False),
        sa.Column("exchangers", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_again_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=True),
        sa.Column("set_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "reach IN ('exchangers', 'address', 'null_mx', 'nowhere', 'nonexistent', 'unknown')",
            name="mailbox_domain_reach",
        ),
        sa.PrimaryKeyConstraint("domain"),
    )
    op.create_table(
        "campaign_provider",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("planned", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "provider"),
    )
    op.add_column("delivery", sa.Column("provider", sa.Text(), server_default=sa.text("'other'"), nullable=False))
    op.add_column("delivery", sa.Column("tier", sa.SmallInteger(), server_default="0", nullable=False))
    # Of a campaign that is under way nobody knows the providers; "other" holds them all, as before.
    op.execute(
        """INSERT INTO campaign_provider (tenant_id, campaign_id, provider, planned)
           SELECT tenant_id, campaign_id, 'other', count(*) FROM delivery GROUP BY tenant_id, campaign_id"""
    )
    op.drop_index("delivery_pending", table_name="delivery")
    op.create_index(
        "delivery_pending",
        "delivery",
        ["tenant_id", "campaign_id", "provider", "tier", "id"],
        postgresql_where=sa.text("state = 'pending'"),
    )
