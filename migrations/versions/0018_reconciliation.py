"""Keep what hourly reconciliation counts and finds, and find what is in quarantine without reading the whole inbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB


revision = "0018"
down_revision = "0017"


def _moment(name: str, *, default: bool = False, nullable: bool = False) -> sa.Column[object]:
    server_default = sa.text("now()") if default else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=server_default, nullable=nullable)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _list(name: str) -> sa.Column[object]:
    return sa.Column(name, JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "reconciled_hour",
        sa.Column("tenant_id", sa.BigInteger(), sa.ForeignKey("tenant.id"), autoincrement=False, nullable=False),
        _moment("began_at"),
        *(_number(name) for name in ("accepted", "told", "settled", "overdue")),
        _moment("counted_at", default=True),
        sa.PrimaryKeyConstraint("tenant_id", "began_at"),
    )
    op.create_table(
        "reconciliation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), primary_key=True),
        _moment("ran_at", default=True),
        sa.Column("is_well", sa.Boolean(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        _list("findings"),
        _list("lists"),
        _moment("lists_at", nullable=True),
    )
    op.create_index("reconciliation_ran_at", "reconciliation", ["ran_at"])
    # Events wait at the door for as long as the inbox is read once. Building it beside them would need a transaction of its own, in which
    # two machines that upgrade at once no longer wait for each other.
    op.create_index(
        "inbox_event_quarantined",
        "inbox_event",
        ["quarantined_at"],
        postgresql_where=sa.text("quarantined_at IS NOT NULL"),
    )
