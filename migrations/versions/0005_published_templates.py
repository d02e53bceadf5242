"""Number the versions of a template that people publish, and keep what publishing found out about each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB


revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("template_version", sa.Column("number", sa.Integer))
    op.add_column("template_version", sa.Column("inlining", sa.Text))
    op.add_column("template_version", sa.Column("why", sa.Text, server_default="", nullable=False))
    op.add_column(
        "template_version",
        sa.Column("fields", JSONB, server_default=sa.text("'[]'::jsonb"), nullable=False),
    )
    op.add_column("template_version", sa.Column("published_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(
        "template_version_inlining", "template_version", "inlining IN ('once', 'each')"
    )
    op.create_unique_constraint(
        "template_version_number", "template_version", ["tenant_id", "name", "number"]
    )
