"""Keep sums of facts by campaign and dimension, and remember of each fact under what it was counted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB


revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "campaign_rollup",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("dimension", "key", "fact")),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "dimension IN ('all', 'provider', 'domain', 'segment', 'hour', 'link', 'class')",
            name="campaign_rollup_dimension",
        ),
        sa.ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "dimension", "key", "fact"),
    )
    # Facts that are there remember nothing, so the first reconciliation counts them, twenty thousand at a time.
    op.add_column("delivery_fact", sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("delivery_fact", sa.Column("counted_as", JSONB(), nullable=True))
    op.create_index(
        "delivery_fact_uncounted",
        "delivery_fact",
        ["tenant_id", "delivery_id"],
        postgresql_where=sa.text(
            "counted_at IS DISTINCT FROM first_at OR counted_as IS DISTINCT FROM coalesce(detail -> 'links', detail -> 'class')"
        ),
    )
