"""Let a night of hygiene wait for approval, silent contacts lapse before they retire, and dead domains be counted by nights."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB


revision = "0022"
down_revision = "0021"

_REASONS = (
    "'unsubscribed', 'complained', 'hard_bounced', 'soft_bounced', 'suppressed', 'duplicate', 'retired', 'lapsing', "
    "'winback_sent', 'no_consent', 'cancelled', 'too_late', 'too_often', 'wants_less', 'paused'"
)
_RULES = (
    "'complaint', 'hard_bounce', 'soft_bounce', 'mailbox_full', 'dead_domain', 'disposable', 'role', "
    "'silent_after_winback', 'silent'"
)


def upgrade() -> None:
    # Columns without a default, or with a constant one: no row is written anew.
    op.add_column("contact", sa.Column("state_rule", sa.Text(), nullable=True))
    op.add_column("contact", sa.Column("state_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("contact", sa.Column("import_id", sa.BigInteger(), nullable=True))
    _check("contact_state", "contact", "state IN ('active', 'lapsing', 'retired')")
    op.add_column("audience", sa.Column("purpose", sa.Text(), server_default=sa.text("'list'"), nullable=False))
    op.create_check_constraint("audience_purpose", "audience", "purpose IN ('list', 'winback')")
    op.create_index(
        "audience_winback", "audience", ["tenant_id"], unique=True, postgresql_where=sa.text("purpose = 'winback'")
    )
    op.add_column(
        "mailbox_domain", sa.Column("dead_nights", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("mailbox_domain", sa.Column("dead_on", sa.Date(), nullable=True))
    _check("delivery_skip_reason", "delivery", f"skip_reason IN ({_REASONS})")
    _check("campaign_exclusion_reason", "campaign_exclusion", f"reason IN ({_REASONS})")
    _runs()


def _check(name: str, table: str, words: str) -> None:
    """Widen a check. Every row fits the old one, so that the new one need not read them all under its lock."""
    op.drop_constraint(name, table, type_="check")
    op.create_check_constraint(name, table, words, postgresql_not_valid=True)
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def _runs() -> None:
    op.create_table(
        "hygiene_run",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("policy", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("counts", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("lists", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("waits_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_why", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'applying', 'applied', 'refused', 'expired')", name="hygiene_run_state"
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_index(
        "hygiene_run_open",
        "hygiene_run",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'applying')"),
    )
    op.create_table(
        "hygiene_removal",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint(f"rule IN ({_RULES})", name="hygiene_removal_rule"),
        sa.CheckConstraint("outcome IN ('taken', 'spared')", name="hygiene_removal_outcome"),
        sa.ForeignKeyConstraint(["tenant_id", "run_id"], ["hygiene_run.tenant_id", "hygiene_run.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "run_id", "recipient_key"),
    )
    op.create_index(
        "hygiene_removal_waiting",
        "hygiene_removal",
        ["tenant_id", "run_id", "recipient_key"],
        postgresql_where=sa.text("outcome IS NULL"),
    )
