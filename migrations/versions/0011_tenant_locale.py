"""Let a tenant say in which language its readers are written to who say nothing themselves."""

import sqlalchemy as sa
from alembic import op


revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("tenant", sa.Column("locale", sa.Text, server_default="", nullable=False))
