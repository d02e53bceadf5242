"""Find urgent events past a million opens in the inbox, and keep no index of SNS ids that are not there.

Both are built in one reading of the table each, during which no event can be stored; they wait in their queues.
"""

import sqlalchemy as sa
from alembic import op


revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_index(
        "inbox_event_urgent",
        "inbox_event",
        ["id"],
        postgresql_where=sa.text(
            "applied_at IS NULL AND quarantined_at IS NULL "
            "AND event_type <> ALL (ARRAY['delivery'::text, 'open'::text, 'click'::text])"
        ),
    )
    op.drop_index("inbox_event_sns", table_name="inbox_event")
    op.create_index(
        "inbox_event_sns",
        "inbox_event",
        ["sns_message_id"],
        postgresql_where=sa.text("sns_message_id IS NOT NULL"),
    )
