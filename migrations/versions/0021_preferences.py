"""Keep how often people want mail and their pauses, titles of lists for readers, and the mails that asked for no more."""

import sqlalchemy as sa
from alembic import op


revision = "0021"
down_revision = "0020"

_REASONS = (
    "'unsubscribed', 'complained', 'hard_bounced', 'soft_bounced', 'suppressed', 'duplicate', 'retired', 'no_consent', "
    "'cancelled', 'too_late', 'too_often', 'wants_less', 'paused'"
)


def upgrade() -> None:
    op.create_table(
        "preference",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("frequency", sa.Text(), server_default=sa.text("'all'"), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("frequency IN ('all', 'weekly', 'monthly')", name="preference_frequency"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "recipient_key"),
    )
    op.create_table(
        "mailed_unsubscribe",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id", "delivery_id"], ["delivery.tenant_id", "delivery.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "digest"),
    )
    op.add_column("audience", sa.Column("title", sa.Text(), server_default=sa.text("''"), nullable=False))
    for owner, column, name in (
        ("delivery", "skip_reason", "delivery_skip_reason"),
        ("campaign_exclusion", "reason", "campaign_exclusion_reason"),
    ):
        op.drop_constraint(name, owner, type_="check")
        op.create_check_constraint(name, owner, f"{column} IN ({_REASONS})")
