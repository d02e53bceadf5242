"""Find the hard bounces of the last hours, whatever was said: the table is appended to, so a BRIN index costs nothing."""

from alembic import op


revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_index("hard_bounce_noted", "hard_bounce", ["noted_at"], postgresql_using="brin")
