"""Count what became of messages for the breakers, and remember what these have said; let a campaign's first ones go ahead."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB


revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "breaker_count",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("resolved", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bounced", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("complained", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "provider", "on_day"),
    )
    op.create_index("breaker_count_lately", "breaker_count", ["tenant_id", "on_day"])
    op.create_table(
        "breaker_first",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("messages", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id"),
    )
    op.create_table(
        "breaker",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("level", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("told", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("why", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("tripped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("epoch_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("base", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.CheckConstraint(
            "scope IN ('campaign', 'tenant', 'tenant_at_provider', 'account')", name="breaker_scope"
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "scope", "subject"),
    )
    op.create_table(
        "campaign_vanguard",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("audience", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("over_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id"),
    )
    op.add_column("ses_account", sa.Column("tripped_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "ses_account", sa.Column("tripped_why", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.add_column(
        "ses_account",
        sa.Column("breaker_base", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
    )
    _count_what_is_known()


def _count_what_is_known() -> None:
    """What SES has reported so far counts as what it reports from now on (`core.breaker_counts`)."""
    op.execute(
        """CREATE TEMPORARY TABLE reported ON COMMIT DROP AS
           SELECT d.tenant_id, d.campaign_id, d.provider, d.id,
                  coalesce(min(f.first_at) FILTER (WHERE f.fact = 'sent'), min(f.first_at)) AS mailed_at,
                  bool_or(f.fact = 'bounce_permanent') AS bounced, bool_or(f.fact = 'complaint') AS complained
           FROM delivery_fact f JOIN delivery d ON d.tenant_id = f.tenant_id AND d.id = f.delivery_id
           GROUP BY d.tenant_id, d.id
           HAVING bool_or(f.fact IN ('delivery', 'bounce_permanent', 'complaint'))"""
    )
    op.execute(
        """INSERT INTO breaker_count (tenant_id, campaign_id, provider, on_day, resolved, bounced, complained)
           SELECT tenant_id, campaign_id, provider, (mailed_at AT TIME ZONE 'UTC')::date, count(*),
                  count(*) FILTER (WHERE bounced), count(*) FILTER (WHERE complained)
           FROM reported GROUP BY 1, 2, 3, 4"""
    )
    op.execute(
        """INSERT INTO breaker_first (tenant_id, campaign_id, messages)
           SELECT tenant_id, campaign_id, jsonb_agg(jsonb_build_array(micros, id) ORDER BY micros, id)
           FROM (SELECT tenant_id, campaign_id, id, floor(extract(epoch FROM mailed_at) * 1000000)::bigint AS micros,
                        row_number() OVER (PARTITION BY tenant_id, campaign_id ORDER BY mailed_at, id) AS place
                 FROM reported) AS placed
           WHERE place <= 50 GROUP BY tenant_id, campaign_id"""
    )
