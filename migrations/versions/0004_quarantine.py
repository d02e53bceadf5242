"""Remember which database the ledger is in, and hold sending when it is another one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB


revision = "0004"
down_revision = "0003"

# What a server does not offer, or forbids this role, stays empty instead of failing every intent.
IDENTITY = """
CREATE FUNCTION ledger_identity(OUT system text, OUT timeline integer) LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        SELECT concat_ws('/', c.system_identifier, d.oid, 'delivery'::regclass::oid) INTO system
        FROM pg_control_system() c, pg_database d WHERE d.datname = current_database();
    EXCEPTION WHEN OTHERS THEN
        system := '';
    END;
    BEGIN
        -- The timeline that is written now. That of pg_control_checkpoint() is the old one until a checkpoint.
        timeline := ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer;
    EXCEPTION WHEN OTHERS THEN
        timeline := 0;
    END;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "ledger_quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), primary_key=True),
        sa.Column("region", sa.Text(), sa.ForeignKey("ses_account.region"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column(
            "began_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.Text()),
        sa.Column("end_reason", sa.Text()),
        sa.Column("overridden", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "reason IN ('failed_over', 'restored', 'ses_knows_more', 'unknown_attempts')",
            name="ledger_quarantine_reason",
        ),
    )
    op.add_column("ses_account", sa.Column("ledger_system", sa.Text()))
    op.add_column("ses_account", sa.Column("ledger_timeline", sa.Integer()))
    op.add_column("ses_account", sa.Column("others_24_hours", sa.Float()))
    op.add_column("ses_account", sa.Column("quarantine_id", sa.BigInteger()))
    op.create_index("delivery_attempt_lately", "delivery_attempt", ["started_at"], postgresql_using="brin")
    op.execute(IDENTITY)
