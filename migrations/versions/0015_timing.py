"""Let campaigns have hours, a spread and an end, and deliveries a moment before which they wait."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


revision = "0015"
down_revision = "0014"

_REASONS = (
    "'unsubscribed', 'complained', 'hard_bounced', 'soft_bounced', 'suppressed', 'duplicate', 'retired', 'no_consent', "
    "'cancelled', 'too_late', 'too_often'"
)


def upgrade() -> None:
    op.add_column(
        "campaign",
        sa.Column(
            "timing", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
    )
    # The default is a constant, so that no row is written anew.
    op.add_column(
        "delivery",
        sa.Column(
            "send_after",
            sa.DateTime(timezone=True),
            server_default=sa.text("'1970-01-01 00:00:00+00'::timestamptz"),
            nullable=False,
        ),
    )
    for owner, column, name in (
        ("delivery", "skip_reason", "delivery_skip_reason"),
        ("campaign_exclusion", "reason", "campaign_exclusion_reason"),
    ):
        op.drop_constraint(name, owner, type_="check")
        op.create_check_constraint(name, owner, f"{column} IN ({_REASONS})")
    op.drop_index("delivery_pending", table_name="delivery")
    op.create_index(
        "delivery_pending",
        "delivery",
        ["tenant_id", "campaign_id", "provider", "send_after", "tier", "id"],
        postgresql_where=sa.text("is_pending"),
    )
