"""Find a delivery by its SES message id, and facts by their time."""

import sqlalchemy as sa
from alembic import op


revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index(
        "delivery_ses_message",
        "delivery",
        ["ses_message_id"],
        postgresql_where=sa.text("ses_message_id IS NOT NULL"),
    )
    op.create_index("delivery_fact_lately", "delivery_fact", ["tenant_id", "fact", "last_at"])
