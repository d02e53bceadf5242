"""Let a tenant choose by which of SES's calls its messages go."""

import sqlalchemy as sa
from alembic import op


revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("tenant", sa.Column("delivery_api", sa.Text(), server_default="single", nullable=False))
    op.create_check_constraint("tenant_delivery_api", "tenant", "delivery_api IN ('single', 'bulk')")
