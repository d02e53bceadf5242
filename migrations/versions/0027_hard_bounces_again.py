"""Tell who bounces hard again after an anomaly was over: that mailbox is really gone."""

import sqlalchemy as sa
from alembic import op


revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.add_column(
        "hard_bounce", sa.Column("says_again", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_index("hard_bounce_of_person", "hard_bounce", ["tenant_id", "recipient_key"])
