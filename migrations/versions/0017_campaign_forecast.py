"""Keep what was said of a campaign's end, to compare it with what happened."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB


revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "campaign_forecast",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column("done_on", sa.Date(), nullable=False),
        sa.Column("done_on_p90", sa.Date(), nullable=False),
        sa.Column("binding", sa.Text(), nullable=False),
        sa.Column("providers", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("occasion IN ('start', 'day', 'end')", name="campaign_forecast_occasion"),
        sa.ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "made_on", "occasion"),
    )
