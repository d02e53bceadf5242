"""Keep of a template's version how many of its messages were audited, and since when and why it is demoted."""

import sqlalchemy as sa
from alembic import op


revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("template_version", sa.Column("audited", sa.BigInteger, server_default="0", nullable=False))
    op.add_column("template_version", sa.Column("demoted_at", sa.DateTime(timezone=True)))
    op.add_column("template_version", sa.Column("demoted_why", sa.Text, server_default="", nullable=False))
