"""Keep an operator's own limit of an SES account, and until when the database's clock has told times twice."""

import sqlalchemy as sa
from alembic import op


revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("ses_account", sa.Column("rate_limit", sa.Float()))
    op.add_column("ses_account", sa.Column("told_twice_until", sa.DateTime(timezone=True)))
    op.create_check_constraint("ses_account_rate_limit", "ses_account", "rate_limit >= 1")
