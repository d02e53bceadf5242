"""Keep seed lists, the tests that were sent to them, and when an account's canary ran."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB


revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "seed_list",
        sa.Column("tenant_id", sa.BigInteger(), sa.ForeignKey("tenant.id"), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
        sa.UniqueConstraint("tenant_id", "name", name="seed_list_once"),
    )
    op.create_table(
        "seed_address",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seed_list_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id", "seed_list_id"], ["seed_list.tenant_id", "seed_list.id"]),
        sa.PrimaryKeyConstraint("tenant_id", "seed_list_id", "recipient_key"),
    )
    op.create_table(
        "seed_send",
        sa.Column("tenant_id", sa.BigInteger(), sa.ForeignKey("tenant.id"), autoincrement=False, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("template_digest", sa.Text(), nullable=False),
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("test_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'submitting'"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger()),
        sa.Column("contact_id", sa.BigInteger()),
        sa.Column("actor", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("outcome_code", sa.Text()),
        sa.Column("ses_message_id", sa.Text()),
        sa.Column("reported", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('submitting', 'sent', 'failed', 'not_sent', 'in_doubt')", name="seed_send_state"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "request_id", "template_digest", "recipient_key"),
        sa.UniqueConstraint("tenant_id", "test_id", name="seed_send_test"),
    )
    op.add_column("ses_account", sa.Column("canary_at", sa.DateTime(timezone=True)))
